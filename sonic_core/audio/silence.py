"""Cutting the silent ends off a recording, found by pydub."""

from __future__ import annotations

import warnings

import numpy as np

from ..errors import AudioError
from .clip import AudioClip
from .resampling import ENCODER_RATE, to_mono_16k

BELOW_LOUDNESS_DB = 26.0  # silence lies this far under the clip's mean level ...
FLOOR_DBFS = -60.0  # ... but digital near-silence is always silence
MIN_SILENCE_MS = 250
SEEK_STEP_MS = 10
KEEP_MS = 100  # breath kept at both ends


def trim_silent_ends(clip: AudioClip) -> AudioClip:
    """The clip without its silent beginning and end; pauses inside stay, and 0.1 s is kept on both sides.

    Silence is what pydub's `detect_nonsilent` leaves out: 0.25 s or more at 26 dB under the clip's mean level.
    Returns the clip itself if there is nothing to cut.  Raises AudioError if all of it is silence, or pydub cannot be loaded.
    """
    spans = nonsilent_spans(clip)
    if not spans:
        raise AudioError(f"{clip.name} is silent from end to end; trimming would leave nothing. Turn trim_silence off.")
    first_ms = max(0, spans[0][0] - KEEP_MS)
    last_ms = spans[-1][1] + KEEP_MS
    first = round(first_ms * clip.rate / 1000)
    last = min(clip.samples.shape[1], round(last_ms * clip.rate / 1000))
    if first == 0 and last == clip.samples.shape[1]:
        return clip
    after = clip.duration - last / clip.rate
    note = f"Silence trimmed: {first / clip.rate:.2f} s at the beginning, {after:.2f} s at the end."
    return clip.with_samples(clip.samples[:, first:last], note)


def nonsilent_spans(clip: AudioClip) -> list[list[int]]:
    """Start and end in ms of every stretch that is not silence."""
    with (
        warnings.catch_warnings()
    ):  # pydub warns about a missing ffmpeg, which is not needed here, and about its own old syntax
        warnings.simplefilter("ignore")
        try:
            from pydub import AudioSegment
            from pydub.silence import detect_nonsilent
        except ImportError as error:
            raise AudioError(
                f"Silence is found by pydub, which cannot be loaded ({error}). "
                "Install pydub (and audioop-lts on Python 3.13 and later); only trimming can be left out, by turning trim_silence off."
            ) from error
    pcm = np.round(np.clip(to_mono_16k(clip), -1, 1) * 32767).astype("<i2")
    segment = AudioSegment(data=pcm.tobytes(), sample_width=2, frame_rate=ENCODER_RATE, channels=1)
    threshold = max(segment.dBFS - BELOW_LOUDNESS_DB, FLOOR_DBFS)
    return detect_nonsilent(segment, min_silence_len=MIN_SILENCE_MS, silence_thresh=threshold, seek_step=SEEK_STEP_MS)
