"""Who may talk to the live server: names it answers to, pages it takes requests from, a token where it is open to others."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import SettingsError

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
SHORTEST_TOKEN = 16
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=()",
    "Cache-Control": "no-store",
}
"""Of every answer; no Access-Control header is ever sent."""


@dataclass(frozen=True)
class Door:
    """What a request has to show; checked on construction (`SettingsError`).

    host: that is listened on.  token: "" = none, which only loopback may have.  names: further host names that lead here, for example
    that of a proxy in front.
    """

    host: str = "127.0.0.1"
    token: str = ""
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.token and not is_loopback(self.host):
            raise SettingsError(f"{self.host} can be reached from other machines, which needs a token. Give --token.")
        if self.token and (
            len(self.token) < SHORTEST_TOKEN or not self.token.isascii() or not self.token.isprintable()
        ):
            raise SettingsError(
                f"The token has {len(self.token)} characters; expected {SHORTEST_TOKEN} or more printable ASCII characters."
            )

    def refusal(self, host: str, origin: str | None, site: str | None) -> str | None:
        """Why a request is refused, None where it may come in.

        host, origin, site: the headers Host, Origin and Sec-Fetch-Site.  A page of another site that has bent its own name to this
        address (DNS rebinding) names itself in Host.
        """
        name = _name_of(f"//{host}")
        if not name or not self._answers_to(name):
            return f"This server does not answer to the name {name or host!r}. Give it with --allowed-host."
        if origin is not None and (_name_of(origin), _port_of(origin)) != (name, _port_of(f"//{host}")):
            return "Requests of other sites' pages are not taken."
        if origin is None and site not in (None, "same-origin", "none"):
            return "Requests of other sites' pages are not taken."
        return None

    def admits(self, authorization: str | None) -> bool:
        """Whether the header `Authorization: Bearer TOKEN` is right; always where there is no token."""
        given = (authorization or "").removeprefix("Bearer ").encode("utf-8", "surrogateescape")
        return not self.token or hmac.compare_digest(given, self.token.encode())

    def _answers_to(self, name: str) -> bool:
        if name in LOOPBACK_NAMES or name in {one.lower() for one in (self.host, *self.names)}:
            return True
        # No page can bend an address to another one, so that with a wildcard every address is ours.
        return self.host in ("0.0.0.0", "::") and _is_address(name)


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(24)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def check_names(names: Collection[str]) -> tuple[str, ...]:
    """Host names in lower case; raises SettingsError for what is none, for example an URL."""
    for name in names:
        if not name or _name_of(f"//{name}") != name.lower():
            raise SettingsError(f"{name!r} is no host name. Give it as in live.example.org, without http:// and port.")
    return tuple(name.lower() for name in names)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _name_of(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _port_of(url: str) -> int | None:
    """None where none is named: behind a proxy with TLS both Host and Origin leave it out."""
    try:
        return urlsplit(url).port
    except ValueError:
        return -1
