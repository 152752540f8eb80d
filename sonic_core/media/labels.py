"""How a clip is marked as synthetic beyond what every file says."""

from __future__ import annotations

from dataclasses import dataclass

from .c2pa_signing import Signing
from .provenance import PRODUCER
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
