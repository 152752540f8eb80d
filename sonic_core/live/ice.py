"""Servers that help media through firewalls."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import SettingsError


@dataclass(frozen=True)
class IceServer:
    """A STUN or TURN server that helps through firewalls, as the browser and aiortc name it."""

    url: str
    username: str = ""
    password: str = ""

    def __post_init__(self) -> None:
        if self.url.partition(":")[0] not in ("stun", "turn", "turns") or not self.url.partition(":")[2]:
            raise SettingsError(
                f"{self.url!r} is no STUN or TURN server. Expected stun:HOST:PORT, or turn:HOST:PORT with a name and a password."
            )

    def for_browser(self) -> dict[str, str]:
        """As RTCPeerConnection takes it."""
        named = {"username": self.username, "credential": self.password} if self.username else {}
        return {"urls": self.url, **named}
