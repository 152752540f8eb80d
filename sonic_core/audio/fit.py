"""Making the recording as long as the user asked, or saying that it is not."""

from __future__ import annotations

from dataclasses import replace

from ..errors import DurationMismatchError, SettingsError
from ..settings import LENGTH_POLICIES
from .clip import AudioClip
from .store import with_silence
from .waveform import MIN_DURATION

TOLERANCE = 0.1  # s; a difference up to this is taken for rounding


def fit_duration(clip: AudioClip, duration: float, policy: str = "strict") -> AudioClip:
    """The clip at the length that the video shall have.

    duration: s; 0 = the clip's own length.  Within 0.1 s the clip stays as it is under `strict`; beyond, `strict` raises
    DurationMismatchError.  `trim` cuts the longer of the two (result: the shorter length), `pad` adds silence to a shorter
    recording (result: the longer length).  What was done is noted on the clip.  SettingsError for under 0.1 s.
    """
    if policy not in LENGTH_POLICIES:
        raise SettingsError(f"length_policy is {policy!r}; expected one of {', '.join(LENGTH_POLICIES)}.")
    if duration == 0:
        return clip
    if duration < MIN_DURATION:
        raise SettingsError(
            f"duration is {duration:g} s; at least {MIN_DURATION:g} s are needed. Set it to 0 to use the audio's own length."
        )
    if policy == "strict":
        if abs(duration - clip.duration) > TOLERANCE + 1e-9:
            raise DurationMismatchError(
                f"duration is {duration:.2f} s but {clip.name} is {clip.duration:.2f} s long. "
                "Set duration to 0 to use the audio's own length, or choose length_policy 'trim' or 'pad'."
            )
        return clip
    wanted, length = round(duration * clip.rate), clip.samples.shape[1]
    if wanted == length:
        return clip
    if policy == "trim" and wanted < length:
        return clip.with_samples(
            clip.samples[:, :wanted], f"{clip.name} was cut from {clip.duration:.2f} s to {duration:.2f} s."
        )
    if policy == "pad" and wanted > length:
        return clip.with_samples(
            with_silence(clip.samples, wanted),
            f"{clip.name} was padded with silence from {clip.duration:.2f} s to {duration:.2f} s.",
        )
    relation = "shorter" if policy == "trim" else "longer"
    return replace(
        clip,
        notes=(
            *clip.notes,
            f"The video lasts {clip.duration:.2f} s like {clip.name}, {relation} than the {duration:.2f} s asked for.",
        ),
    )
