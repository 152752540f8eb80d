"""What a file of the node path can say about its making: as much as is connected, and nothing that is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from ..sonic_core.audio.clip import AudioClip
from ..sonic_core.engines.base import Conditioning, Origin
from ..sonic_core.errors import SettingsError
from ..sonic_core.job import provenance_of
from ..sonic_core.media.labels import Labels
from ..sonic_core.media.provenance import Provenance, audio_digest
from ..sonic_core.settings import Settings
from .convert import SETTINGS_KEY
from .setting_inputs import LATER_PREPARE, PREPARE


def known_provenance(
    predata: Conditioning | None,
    latent: Mapping[str, Any] | None,
    clip: AudioClip | None,
    labels: Labels | None = None,
) -> Provenance:
    """The same record that `sonic_core.pipeline.generate` writes, where both are connected.

    predata: engine, models, picture and recording as they were given, settings of the preparation.  latent: engine, models, seed and all
    settings.  clip: the sound of the video, which stands for the recording where no predata names it.
    Raises SettingsError when the two come from different engines.
    """
    made_by = latent.get("engine") if latent is not None else None
    if predata is not None and made_by and made_by != predata.engine:
        raise SettingsError(
            f"predata was made for the engine {predata.engine!r}, but latent by {made_by!r}. "
            "Connect the SONIC_PreData and Sonic Inference that made these images, or neither."
        )
    engine = predata.engine if predata is not None else made_by or ""
    origin = predata.origin if predata is not None else Origin()
    settings: Settings | None = latent.get(SETTINGS_KEY) if latent is not None else None
    known = asdict(settings) if settings is not None else _prepared(predata)
    if not origin.audio_sha256 and clip is not None:
        origin = replace(origin, audio_sha256=audio_digest(clip))
    return provenance_of(engine, known, origin, labels)


def _prepared(predata: Conditioning | None) -> dict[str, Any]:
    """The settings that SONIC_PreData was given; those of the inference are not known to it."""
    return {} if predata is None else {name: getattr(predata.settings, name) for name in (*PREPARE, *LATER_PREPARE)}
