"""Presets: how much of the work of every step is done, from all of it to a preview."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import SettingsError


@dataclass(frozen=True)
class Preset:
    """A documented set of savings; costs are UNet passes relative to all three branches at each of 25 steps (75 passes).

    step_share: of the steps that the user asked for.  guidance_floor: sigma at and under which only the full branch is computed.
    picture_every, nothing_every: how often a branch of guidance is computed anew; in between its difference to the next branch,
    kept per frame, is used again.  substeps: steps that a window takes at once; all but the first run only the outermost layers.
    decode_overlap: frames shared by neighbouring chunks of the decoder.
    small_decoder: decoded by the small one where the user has its file.
    few_windows: a step has no window more than the clip's length needs, where that leaves them room to move.
    """

    name: str
    summary: str
    step_share: float = 1.0
    guidance_floor: float = 0.0
    picture_every: int = 1
    nothing_every: int = 1
    substeps: int = 1
    decode_overlap: int = 3
    small_decoder: bool = False
    few_windows: bool = True

    def steps(self, asked: int) -> int:
        return max(1, round(asked * self.step_share))


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "exact",
            "every branch at every step, as published but for the windows, which do not join the clip's ends",
            few_windows=False,
        ),
        Preset(
            "balanced",
            "guidance differences computed at every 3rd and 6th step, none below sigma 0.2",
            guidance_floor=0.2,
            picture_every=3,
            nothing_every=6,
        ),
        Preset(
            "fast",
            "two thirds of the steps, in pairs whose second step runs the outermost layers only",
            step_share=0.64,
            guidance_floor=0.2,
            picture_every=2,
            nothing_every=4,
            substeps=2,
        ),
        Preset(
            "preview",
            "a third of the steps, in triples, guidance differences computed once",
            step_share=0.36,
            guidance_floor=0.2,
            picture_every=4,
            nothing_every=4,
            substeps=3,
            decode_overlap=0,
            small_decoder=True,
        ),
    )
}


def preset_named(name: str) -> Preset:
    """Raises SettingsError for an unknown name."""
    if name not in PRESETS:
        raise SettingsError(f"preset is {name!r}; expected one of {', '.join(PRESETS)}.")
    return PRESETS[name]
