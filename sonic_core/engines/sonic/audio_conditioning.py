"""From a recording to what the UNet hears: tokens, silence and motion buckets for every key frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...audio.clip import AudioClip
from ...audio.fit import fit_duration
from ...audio.resampling import to_mono_16k
from ...audio.silence import nonsilent_spans
from ...errors import AudioError
from ...hearing.encoders import encode
from ...runtime.long_tensors import long_tensor
from ...runtime.stopping import stoppable
from ...settings import Settings
from .audio_encoder import RATE, WhisperStates, independent_chunks, overlapping_chunks
from .audio_nets import motion_buckets
from .audio_windows import POSITIONS_PER_KEY_FRAME, bucket_windows, token_windows
from .denoiser import KEY_FPS
from .loading import SonicModel

BATCH = 128  # key frames that pass the audio nets together
FADE = 0.16  # s from speech to silence and back
FPS = 25.0  # of the video
SHORTEST = 0.08  # s: one key frame
SAMPLES_PER_KEY_FRAME = 1280  # at 16 kHz


@dataclass(frozen=True)
class AudioConditions:
    """tokens: [N, T, C], on the CPU.  silence: [1, T, C].  buckets: [N, 2] as the network says, before the user's amplitudes."""

    tokens: Tensor
    silence: Tensor
    buckets: Tensor


def usable_audio(audio: AudioClip, settings: Settings) -> AudioClip:
    """The recording at the length that the settings ask for.  Raises AudioError for one without a single key frame."""
    audio = fit_duration(audio, settings.duration, settings.length_policy)
    if audio.duration < SHORTEST:
        raise AudioError(
            f"{audio.name} lasts {audio.duration * 1000:.0f} ms; the sonic engine needs at least {SHORTEST * 1000:.0f} ms. "
            "Use a longer recording."
        )
    return audio


def key_frame_count(audio: AudioClip, reference: bool = False) -> int:
    """Key frames of a recording: enough for all its frames; in reference mode the tail shorter than a key frame is left out."""
    if reference:
        return len(to_mono_16k(audio)) // SAMPLES_PER_KEY_FRAME
    return -(-audio.frame_count(FPS) // 2)


@torch.no_grad()
def condition_audio(
    model: SonicModel,
    wave: NDArray[np.float32],
    key_frames: int,
    clip: Tensor,
    independent: bool = False,
    activity: Tensor | None = None,
    look: Callable[[], None] = lambda: None,
) -> AudioConditions:
    """wave: [samples] at 16 kHz; clip: [1, C] CLIP embedding of the picture.

    independent: 30-s pieces that know nothing of each other, as in the published code, instead of overlapping ones.
    activity: [N], see `speech_activity`: tokens become those of silence where nobody speaks; None = they stay as they are.
    look: called again and again meanwhile; may raise to stop.
    """
    network = model.encoder.network if isinstance(model.encoder, WhisperStates) else None
    with stoppable(network, look) if network is not None else nullcontext():
        states = _states(model, wave, POSITIONS_PER_KEY_FRAME * key_frames, independent)
    silence = model.audio_to_token(torch.zeros_like(token_windows(states, torch.zeros(1, dtype=torch.long))))
    tokens = long_tensor((key_frames, *silence.shape[1:]))
    buckets = []
    for frames in _batches(key_frames):
        look()
        heard = model.audio_to_token(token_windows(states, frames))
        tokens[frames] = heard if activity is None else silence.lerp(heard, activity[frames, None, None])
        buckets.append(motion_buckets(model.audio_to_bucket(bucket_windows(states, frames), clip.float().cpu())))
    return AudioConditions(tokens, silence, torch.cat(buckets))


def speech_activity(audio: AudioClip, key_frames: int) -> Tensor:
    """How much a key frame belongs to speech, [N] from 0 (a pause) to 1, with soft edges outside the speech."""
    times = torch.arange(key_frames) / KEY_FPS
    activity = torch.zeros(key_frames)
    for start_ms, end_ms in nonsilent_spans(audio):
        distance = torch.maximum(start_ms / 1000 - times, times - end_ms / 1000).clamp(min=0)
        activity = torch.maximum(activity, 1 - distance / FADE)
    return activity.clamp(0, 1)


def _states(model: SonicModel, wave: NDArray[np.float32], positions: int, independent: bool) -> Tensor:
    wave = np.pad(wave, (0, max(0, positions * RATE // 50 - len(wave))))
    if not isinstance(model.encoder, WhisperStates):
        return torch.from_numpy(encode(model.encoder, wave)[:positions])
    chunks = independent_chunks if independent else overlapping_chunks
    return chunks(model.encoder, wave, positions)


def _batches(length: int) -> Iterator[Tensor]:
    return iter(torch.arange(length).split(BATCH))
