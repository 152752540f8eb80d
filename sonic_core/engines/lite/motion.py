"""Learned motion: a recording -> the portrait's animation parameters, by motion-latent diffusion on what a lip reader hears."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...audio.clip import AudioClip
from ...audio.resampling import to_mono_16k
from ...diffusion.guidance import Denoise, classifier_free
from ...diffusion.noise import normal_noise
from ...diffusion.sampler import sample_euler
from ...diffusion.schedule import flow_sigmas
from ...diffusion.windows import OpenWindows
from ...hearing.encoder_choice import DEFAULT_ENCODER, load_encoder
from ...hearing.encoders import SpeechEncoder
from ...hearing.lip_reader import Articulation, load_lip_reader, read_lips
from ...progress import Progress, ignore
from ...runtime.loading import open_networks
from ...runtime.network import TORCH, Network, NetworkSpec
from ...scratch import Scratch, forget
from ...settings import Settings
from .emotion import NEUTRAL, Emotion, with_emotion
from .lip_parting import parted_as_heard
from .motion_rules import (
    at_rest_in_silence,
    blinking_naturally,
    closed_on_bilabials,
    eyes_against_head,
    looking_in_fixations,
    moving_smoothly,
    scaled,
)
from .motion_space import CHANNELS, CONDITIONS, MotionSpace, conditions, track_from_channels
from .parameters import clamp
from .prosody import Prosody, read_prosody

RATE = 16_000
FPS = 25.0
"""Frames per second of the latents."""
WINDOWS = OpenWindows(size=125, overlap=25, shift=7)
"""Five seconds, as in training; they move from step to step, so that no seam stays in one place."""
TOGETHER = 8
"""Windows that the network gets at once: a fifth less time than one by one, measured from 4 on; more only cost memory."""
AUDIO_SCALE = 1.0
"""Guidance by the audio; 1 = none needed: the lips are locked to it as they are."""
_PIECE = 5 * RATE  # a fraction of a second's work: as long as Cancel may wait
DENOISER_WEIGHTS = Path(__file__).parent / "weights" / "motion_denoiser.safetensors"
DENOISER_SPEC = NetworkSpec(
    key="motion-denoiser",
    purpose="motion denoiser",
    weights=DENOISER_WEIGHTS,
    maker=f"{__package__}.denoiser:load_module",
    inputs={
        "x": ("batch", "frames", len(CHANNELS)),
        "sigma": ("batch",),
        "heard": ("batch", "frames", CONDITIONS),
        "is_heard": ("batch",),
        "known": ("batch", "frames", len(CHANNELS)),
        "is_known": ("batch", "frames"),
    },
    outputs={"clean": ("batch", "frames", len(CHANNELS))},
    tried_at=({"batch": 2, "frames": 125}, {"batch": 1, "frames": 40}, {"batch": 5, "frames": 1}),
)


@dataclass(frozen=True)
class Heard:
    """All that the recording tells: articulation at 50 Hz, prosody at 25 fps, both as long as the video."""

    articulation: Articulation
    prosody: Prosody


@dataclass(frozen=True)
class SpeechMotion:
    """The networks of learned motion; holds weights, nothing of a particular clip."""

    encoder: SpeechEncoder
    reader: Network
    denoiser: Network
    space: MotionSpace

    @classmethod
    def load(
        cls,
        encoder: SpeechEncoder | str = DEFAULT_ENCODER,
        reader: Path | None = None,
        runtime: str = TORCH,
        folders: Sequence[Path] | None = None,
    ) -> SpeechMotion:
        """The weights of the package; or another encoder with the lip reader that training/train_lips.py made for it.

        folders: where the onnx runtime's exported files are searched, None = in the usual models folders.
        """
        (denoiser,) = open_networks([DENOISER_SPEC], runtime, folders)
        return cls(
            load_encoder(encoder, runtime, folders) if isinstance(encoder, str) else encoder,
            load_lip_reader(reader, runtime, folders),
            denoiser,
            MotionSpace.load(DENOISER_WEIGHTS),
        )

    def listen(self, clip: AudioClip, frame_count: int, progress: Progress = ignore) -> Heard:
        """Hear as much of the recording as `frame_count` frames at 25 fps last; what is missing is silence."""
        length = round(frame_count * RATE / FPS)
        mono = to_mono_16k(clip)[:length]
        articulation = read_lips(self.encoder, self.reader, _pieces(mono, length, progress))
        return Heard(articulation, read_prosody(mono, frame_count, FPS))

    def move(self, heard: Heard, settings: Settings, progress: Progress = ignore) -> NDArray[np.float32]:
        """Motion track `[T, P]` at 25 fps for what was heard."""
        emotion = Emotion(settings.emotion, settings.emotion_strength)
        return self.track(self.sample(heard, settings, progress), heard, settings, emotion)

    def sample(
        self, heard: Heard, settings: Settings, progress: Progress = ignore, audio_scale: float = AUDIO_SCALE
    ) -> NDArray[np.float32]:
        """Motion latents `[T, C]` at 25 fps; reads `seed` and `inference_steps`."""
        frame_count = len(heard.prosody.loudness)
        cues = conditions(heard.articulation, heard.prosody, frame_count, FPS)
        scratch = Scratch()
        return sample_euler(
            _denoise(self.denoiser, cues, audio_scale, scratch),
            normal_noise((frame_count, len(CHANNELS)), settings.seed),
            flow_sigmas(settings.inference_steps),
            WINDOWS,
            progress,
            zeros=scratch.zeros,
            together=TOGETHER,
        )

    def track(
        self, latents: NDArray[np.float32], heard: Heard, settings: Settings, emotion: Emotion = NEUTRAL
    ) -> NDArray[np.float32]:
        """Latents -> motion track `[T, P]` at 25 fps: the rules that always hold, emotion and the user's scales applied."""
        track = track_from_channels(self.space.decode(latents))
        # A line each: of a long clip no more than two are held.
        track = at_rest_in_silence(track, heard.articulation, FPS)
        track = parted_as_heard(track)
        track = closed_on_bilabials(track, heard.articulation, FPS)
        track = looking_in_fixations(track, FPS)
        track = moving_smoothly(track, FPS)
        track = eyes_against_head(track, settings.motion_scale)
        track = blinking_naturally(track, heard.articulation, FPS)
        track = with_emotion(track, emotion, heard.prosody, FPS)
        track = clamp(track)
        track = scaled(track, settings.dynamic_scale, settings.motion_scale)
        return clamp(track)


def learned_motion(
    clip: AudioClip,
    frame_count: int,
    settings: Settings,
    fps: float = FPS,
    progress: Progress = ignore,
    model: SpeechMotion | None = None,
    emotion: Emotion = NEUTRAL,
) -> NDArray[np.float32]:
    """Animation parameters [frame_count, P]; row i shows the face at i / fps seconds of the recording, at rest after its end.

    Reads `seed`, `inference_steps`, `dynamic_scale` (mouth and expression) and `motion_scale` (head) of the
    settings.  model: networks to use; those of the package are loaded when it is None.
    """
    model = model or SpeechMotion.load()
    heard = model.listen(clip, ceil(frame_count * FPS / fps - 1e-9), progress)
    track = model.track(model.sample(heard, settings, progress), heard, settings, emotion)
    return track[:frame_count] if fps == FPS else _at_rate(track, frame_count, fps)


def _denoise(denoiser: Network, cues: NDArray[np.float32], audio_scale: float, scratch: Scratch) -> Denoise:
    """The network as the sampler's denoiser over windows of one clip, several at once; of what is long these alone stay in memory."""

    def predict(
        x: NDArray[np.float32], sigma: float, frames: NDArray[np.int64], branches: tuple[int, ...]
    ) -> list[NDArray[np.float32]]:
        count = len(x)
        level, known, is_known = np.full(count, sigma, np.float32), np.zeros_like(x), np.zeros(x.shape[:2], np.float32)
        heard = cues[frames]
        forget(cues)
        scratch.forget()
        return [
            denoiser(x, level, heard, np.full(count, branch, np.float32), known, is_known)[0]
            for branch in branches  # 0 hears nothing, 1 the recording
        ]

    return classifier_free(predict, audio_scale)


def _pieces(mono: NDArray[np.float32], length: int, progress: Progress) -> Iterator[NDArray[np.float32]]:
    """The sound bit by bit, and silence behind it where it is shorter than `length` samples."""
    count = ceil(length / _PIECE)
    for i in range(count):
        progress("audio", i, count)
        piece = mono[i * _PIECE : (i + 1) * _PIECE]
        yield np.pad(piece, (0, min(_PIECE, length - i * _PIECE) - len(piece)))
        forget(mono)
    progress("audio", count, count)


def _at_rate(track: NDArray[np.float32], frame_count: int, fps: float) -> NDArray[np.float32]:
    place = np.minimum(np.arange(frame_count) * (FPS / fps), len(track) - 1)
    low = place.astype(int)
    high = np.minimum(low + 1, len(track) - 1)
    part = (place - low)[:, None].astype(np.float32)
    return track[low] * (1 - part) + track[high] * part
