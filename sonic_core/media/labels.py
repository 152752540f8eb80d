"""How a clip is marked as synthetic beyond what every file says."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import SettingsError
from .c2pa_signing import Signing
from .provenance import LONGEST_VALUE, PRODUCER
from .visible_label import VisibleLabel


@dataclass(frozen=True)
class Labels:
    """How a clip is marked as synthetic beyond what every file says.

    producer: name or code of whoever provides the service, for the `AIGC` record.  visible: words in a corner of the picture, None = none.
    signing: the user's credentials for a C2PA signature, None = none.
    """

    producer: str = PRODUCER
    visible: VisibleLabel | None = None
    signing: Signing | None = None

    def __post_init__(self) -> None:
        """Raises SettingsError for a producer that a file could not carry, or that our own check would call wrong."""
        named = self.producer.strip()
        if not named or len(self.producer) > LONGEST_VALUE or not self.producer.isprintable():
            raise SettingsError(
                f"producer is {self.producer[:60]!r}; expected a name or code of 1 to {LONGEST_VALUE} printable characters."
            )
