"""Loading recordings: whatever PyAV decodes, at its own rate, as an AudioClip; and waveforms that are in memory already."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import AudioError
from ..opening import opened
from .channels import mono_gains, to_stereo
from .clip import AudioClip
from .part import UndecodableError, decode_part
from .silence import trim_silent_ends
from .store import blocks_of
from .waveform import MIN_DURATION, sanitized, unit_float

log = logging.getLogger(__name__)

EXPECTED = "Choose a recording or a video with sound, or convert it to wav, flac, mp3 or m4a."
BLOCK_SECONDS = 10  # decoded frames are gathered into blocks of this length
MOST_SECONDS = 1e9
"""Beyond that a time is a mistake, and its samples are more than can be counted."""


def load_audio(path: str | Path, start: float = 0.0, length: float = 0.0, trim_silence: bool = False) -> AudioClip:
    """Decode the first sound track of a file (wav, mp3, m4a, flac, ogg, opus, the sound of a video, ...).

    start, length: the part to keep, s; length 0 = to the end.  trim_silence: cut silent ends (see `trim_silent_ends`).
    Rate and channels stay as they are, but more than two channels are mixed to stereo.  Encoder delay and padding are left out as
    the container says.  `source` is set only when the samples are the whole file, unaltered; `notes` tells what was altered.
    Raises AudioError (naming file, reason and remedy) if the file is missing, empty, undecodable, silent of streams or under 0.1 s.
    """
    path = Path(path).expanduser()
    if not (0 <= start <= MOST_SECONDS and 0 <= length <= MOST_SECONDS):
        raise AudioError(
            f"{path.name}: start is {start:g} s and length {length:g} s; expected 0 to {MOST_SECONDS:g} seconds."
        )
    if 0 < length < MIN_DURATION:
        raise AudioError(
            f"{path.name}: length is {length:g} s; at least {MIN_DURATION:g} s are needed. Set it to 0 to keep all."
        )
    clip = checked(mixed_down(sanitized(_first_track(path, start, length))))
    return trim_silent_ends(clip) if trim_silence else clip


def clip_from_waveform(waveform: Any, rate: int, name: str = "audio") -> AudioClip:
    """AudioClip from a tensor or array `[channels, samples]` or `[1, channels, samples]` (ComfyUI's AUDIO), floats within -1..1.

    Integers are scaled by their type's range.  Raises AudioError for other shapes, several batch items, or under 0.1 s.
    """
    if hasattr(waveform, "detach"):
        waveform = waveform.detach().to("cpu")
        waveform = (waveform.float() if waveform.is_floating_point() else waveform).numpy()
    samples = np.asarray(waveform)
    if samples.ndim == 3 and samples.shape[0] > 1:
        raise AudioError(
            f"{name} is a batch of {samples.shape[0]} recordings; one portrait speaks one. Pick one item of the batch."
        )
    samples = samples[0] if samples.ndim == 3 and samples.shape[0] else samples
    if samples.ndim != 2 or samples.shape[0] == 0:
        raise AudioError(
            f"{name} has the shape {list(np.shape(waveform))}; expected [channels, samples] or [1, channels, samples]."
        )
    if int(rate) < 1:
        raise AudioError(f"{name} has a sample rate of {rate} Hz; expected a positive number.")
    mixed, notes = to_stereo(unit_float(samples), ())
    return checked(mixed_down(sanitized(AudioClip(mixed.copy(), int(rate), name, notes=notes))))


def _first_track(path: Path, start: float, length: float) -> AudioClip:
    """The part of the first sound track that can be decoded; the notes tell which one that is where there are several."""
    refused: AudioError | None = None
    with opened(path, AudioError, EXPECTED) as container:
        tracks = len(container.streams.audio)
        if not tracks:
            raise AudioError(
                f"{path.name} has no sound: it holds {describe_streams(container)}. Choose a recording or a video with sound."
            )
    for number in range(tracks):
        with opened(path, AudioError, EXPECTED) as container:  # anew: a track is read through all packets of the file
            try:
                clip = decode_part(container, container.streams.audio[number], path, start, length)
            except UndecodableError as error:
                refused = refused or error
                continue
        if tracks == 1:
            return clip
        before = {0: "", 1: "; the first cannot be decoded"}.get(number, f"; the first {number} cannot be decoded")
        which = "the first one is used" if number == 0 else f"number {number + 1} is used"
        return replace(
            clip,
            source=clip.source if number == 0 else None,
            notes=(f"{path.name} has {tracks} sound tracks{before}; {which}.", *clip.notes),
        )
    assert refused is not None
    raise refused


def mixed_down(clip: AudioClip) -> AudioClip:
    """The clip with the mix that is listened to; a note where the channels cancel each other."""
    mix = mono_gains(clip.samples)
    if mix is None:
        return clip
    side = "left" if mix[0] else "right"
    note = f"The channels of {clip.name} cancel each other (opposite phase); the {side} one alone is listened to, the video keeps both."
    return replace(clip, mix=mix, notes=(*clip.notes, note))


def checked(clip: AudioClip) -> AudioClip:
    """The clip itself; AudioError if it is empty or too short to animate, a note if it is silent."""
    if clip.samples.shape[1] == 0:
        raise AudioError(
            f"{clip.name} contains no sound that can be read: it is empty, cut off or damaged. "
            f"Choose a recording of at least {MIN_DURATION:g} s."
        )
    if clip.duration < MIN_DURATION:
        raise AudioError(
            f"{clip.name} is {clip.duration:.3f} s long; at least {MIN_DURATION:g} s are needed. Choose a longer recording."
        )
    if not any(block.any() for block in blocks_of(clip.samples)):
        return replace(clip, notes=(*clip.notes, f"{clip.name} is completely silent; the mouth will stay shut."))
    return clip


def describe_streams(container: Any) -> str:
    kinds = sorted({stream.type for stream in container.streams})
    return "only " + " and ".join(kinds) + " data" if kinds else "no streams at all"
