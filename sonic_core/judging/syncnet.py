"""The published SyncNet as an optional second judge of sync: LSE-C, LSE-D and offset, with weights that the user supplies.

Chung and Zisserman, "Out of time: automated lip sync in the wild" (2016), in the form of the authors' `syncnet_python` (model S): 20 MFCC
vectors of 13 and 5 frames of 224 x 224 become 1024 values each, whose distance is compared at shifts of up to 15 frames.  Written from the
published layers, MFCC settings and crop; the MFCC equal those of `python_speech_features` to 2e-6.  Not verified here, where there are no
published weights: that they load, and that the scores equal those of the authors' program.  One difference is known: it frames the face
by the S3FD detector's box, this by the extent of our face mesh, so that scores are comparable with one another and only roughly with those
in papers.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import ModelMissingError, PortraitError, SettingsError
from ..frames import Frame, FrameStream
from ..progress import Progress, ignore
from .mouth_track import FaceTracker

FPS, RATE = 25.0, 16_000
SIDE, WINDOW, MFCC_PER_FRAME, MFCC_WINDOW = 224, 5, 4, 20
SHIFTS = 15
"""Frames that the sound is shifted by, either way."""
_CROP, _GREY, _MEDIAN = 0.4, 110, 13
_BATCH = 8
_SOURCE = "https://www.robots.ox.ac.uk/~vgg/software/lipsync/data/syncnet_v2.model"


@dataclass(frozen=True)
class SyncScore:
    """lse_c: confidence, more is better.  lse_d: smallest distance, less is better.  offset_ms: positive = sound late; whole frames."""

    lse_c: float
    lse_d: float
    offset_ms: float


class SyncNet(nn.Module):
    """Both halves, under the names of the published weights."""

    def __init__(self, embedding: int = 1024) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_block2d(1, 64),
            nn.MaxPool2d(1, 1),
            *_block2d(64, 192),
            nn.MaxPool2d(3, (1, 2)),
            *_block2d(192, 384),
            *_block2d(384, 256),
            *_block2d(256, 256),
            nn.MaxPool2d(3, 2),
            *_block2d(256, 512, (5, 4), 0),
        )
        self.netcnnlip = nn.Sequential(
            *_block3d(3, 96, (5, 7, 7), (1, 2, 2), 0),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_block3d(96, 256, (1, 5, 5), (1, 2, 2), (0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_block3d(256, 256, (1, 3, 3), 1, (0, 1, 1)),
            *_block3d(256, 256, (1, 3, 3), 1, (0, 1, 1)),
            *_block3d(256, 256, (1, 3, 3), 1, (0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_block3d(256, 512, (1, 6, 6), 1, 0),
        )
        self.netfcaud, self.netfclip = _head(embedding), _head(embedding)

    def heard(self, mfcc: Tensor) -> Tensor:
        """`[batch, 1, 13, 20]` -> `[batch, 1024]`."""
        return self.netfcaud(self.netcnnaud(mfcc).flatten(1))

    def seen(self, frames: Tensor) -> Tensor:
        """`[batch, 3, 5, 224, 224]`, BGR 0-255 -> `[batch, 1024]`."""
        return self.netfclip(self.netcnnlip(frames).flatten(1))

    @classmethod
    def load(cls, path: Path) -> SyncNet:
        """The user's `syncnet_v2.model`, a state dict.  ModelMissingError if there is none, SettingsError if it is something else."""
        if not path.is_file():
            raise ModelMissingError(f"SyncNet's weights are missing: {path}. Get syncnet_v2.model from {_SOURCE}.")
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds for a file that is no checkpoint
            raise SettingsError(
                f"{path} cannot be read as weights ({type(error).__name__}). Expected syncnet_v2.model."
            ) from error
        net = cls()
        wanted = net.state_dict()
        if not isinstance(state, dict):
            raise SettingsError(f"{path} holds a {type(state).__name__}; expected the weights of SyncNet by name.")
        # Written before PyTorch counted batches; the count plays no part in evaluation.
        counts = {name: value for name, value in wanted.items() if name.endswith("num_batches_tracked")}
        state = {**counts, **state}
        wrong = [name for name in {**wanted, **state} if _shape(wanted.get(name)) != _shape(state.get(name))]
        if wrong:
            raise SettingsError(
                f"{path} is not the published SyncNet: {len(wrong)} of its weights are missing, unknown or of another shape "
                f"(first {wrong[0]}: {_shape(state.get(wrong[0]))}, expected {_shape(wanted.get(wrong[0]))})."
            )
        net.load_state_dict(state)
        return net.eval().requires_grad_(False)


@torch.inference_mode()
def score_sync(
    net: SyncNet, frames: FrameStream, mono: NDArray[np.float32], tracker: FaceTracker, progress: Progress = ignore
) -> SyncScore:
    """Judge a clip.  frames: 25 per second, passed over twice.  mono: sound from the first frame on, 16 kHz, within -1..1.

    Raises PortraitError without a face, SettingsError for another frame rate or under 0.6 s.
    """
    if abs(frames.fps - FPS) > 1e-6:
        raise SettingsError(f"SyncNet watches {FPS:g} frames per second; these come at {frames.fps:g}.")
    count = min(len(frames), len(mono) * 25 // RATE) - WINDOW
    if count < 10:
        raise SettingsError("SyncNet needs at least 0.6 s of picture and sound.")
    boxes = face_boxes(frames, tracker, progress)
    coefficients = torch.from_numpy(mfcc(mono))
    count = min(count, (coefficients.shape[1] - MFCC_WINDOW) // MFCC_PER_FRAME + 1)
    starts = range(0, count, _BATCH * 8)
    heard = [net.heard(_sound_windows(coefficients, first, min(count, first + _BATCH * 8))) for first in starts]
    return judge(torch.cat(_seen(net, frames, boxes, count, progress)), torch.cat(heard))


def judge(seen: Tensor, heard: Tensor) -> SyncScore:
    """LSE-C, LSE-D and offset from both embeddings `[T, D]` (published: mean distance at each shift, smallest, and median minus that)."""
    padded = F.pad(heard, (0, 0, SHIFTS, SHIFTS))
    distances = torch.stack(
        [F.pairwise_distance(seen, padded[k : k + len(seen)]).mean() for k in range(2 * SHIFTS + 1)]
    )
    smallest, place = distances.min(0)
    return SyncScore(
        float(distances.median() - smallest), float(smallest), float((int(place) - SHIFTS) * 1000 / FPS) + 0.0
    )


def face_boxes(frames: FrameStream, tracker: FaceTracker, progress: Progress = ignore) -> NDArray[np.float64]:
    """`[T, 3]` centre x, centre y and half the longer side of the face, px, steadied by a median over 13 frames."""
    from scipy.ndimage import median_filter

    out = np.full((len(frames), 3), np.nan)
    for i, frame in enumerate(frames):
        points = tracker(frame)
        if points is not None and np.isfinite(points).all():
            low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
            out[i] = (*((low + high) / 2), max(high - low) / 2)
        progress("mouth", i + 1, len(frames))
    known = np.flatnonzero(np.isfinite(out[:, 0]))
    if not len(known):
        raise PortraitError("No face was seen in the frames. A clip with one visible face is needed.")
    filled = np.stack([np.interp(np.arange(len(out)), known, out[known, k]) for k in range(3)], axis=1)
    return median_filter(filled, (_MEDIAN, 1), mode="nearest")


def mfcc(mono: NDArray[np.float32]) -> NDArray[np.float32]:
    """13 cepstral coefficients every 10 ms, `[13, N]`, with the settings of `python_speech_features.mfcc` on 16-bit samples at 16 kHz."""
    size, step, bins, filters = 400, 160, 512, 26
    signal = np.rint(np.asarray(mono, np.float64) * 32768).clip(-32768, 32767)
    signal = np.append(signal[:1], signal[1:] - 0.97 * signal[:-1])
    count = 1 + max(0, -(-(len(signal) - size) // step))
    signal = np.pad(signal, (0, max(0, (count - 1) * step + size - len(signal))))
    windows = np.lib.stride_tricks.sliding_window_view(signal, size)[::step][:count]
    bank, transform = _mel_bank(filters, bins), _cosines(filters, 13)
    out = np.empty((13, count), np.float32)
    for first in range(0, count, 4096):
        power = np.abs(np.fft.rfft(windows[first : first + 4096], bins)) ** 2 / bins
        energy = np.maximum(power.sum(axis=1), np.finfo(float).eps)
        cepstra = np.log(np.maximum(power @ bank.T, np.finfo(float).eps)) @ transform.T
        cepstra *= 1 + 11 * np.sin(np.pi * np.arange(13) / 22)
        cepstra[:, 0] = np.log(energy)
        out[:, first : first + 4096] = cepstra.T
    return out


def crop_face(frame: Frame, box: NDArray[np.float64]) -> NDArray[np.uint8]:
    """BGR `[224, 224, 3]` around the face as in the published pipeline: from one half size above its centre to 1.8 below, grey outside."""
    x, y, half = box
    reach = half * (1 + _CROP)
    pad = int(half * (1 + 2 * _CROP)) + 1
    padded = cv2.copyMakeBorder(frame, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=(_GREY,) * 3)
    top, left = max(0, int(y + pad - half)), max(0, int(x + pad - reach))
    face = padded[top : int(y + pad + half * (1 + 2 * _CROP)), left : int(x + pad + reach)]
    return cv2.resize(face, (SIDE, SIDE))[..., ::-1]


def _seen(
    net: SyncNet, frames: FrameStream, boxes: NDArray[np.float64], count: int, progress: Progress
) -> list[Tensor]:
    recent: deque[NDArray[np.uint8]] = deque(maxlen=WINDOW)
    waiting: list[NDArray[np.uint8]] = []
    out: list[Tensor] = []
    for i, frame in enumerate(frames):
        recent.append(crop_face(frame, boxes[i]))
        if len(recent) == WINDOW and i - WINDOW + 1 < count:
            waiting.append(np.stack(recent))
        if waiting and (len(waiting) == _BATCH or i - WINDOW + 2 == count):
            clips = torch.from_numpy(np.stack(waiting)).permute(0, 4, 1, 2, 3).float()
            out.append(net.seen(clips))
            waiting = []
        progress("judging", i + 1, len(frames))
    return out


def _sound_windows(coefficients: Tensor, first: int, last: int) -> Tensor:
    places = [i * MFCC_PER_FRAME for i in range(first, last)]
    return torch.stack([coefficients[None, :, p : p + MFCC_WINDOW] for p in places])


def _mel_bank(filters: int, bins: int) -> NDArray[np.float64]:
    """Triangles on whole FFT bins, evenly spaced on the mel scale from 0 Hz to half the rate."""
    mels = np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), filters + 2)
    edges = np.floor((bins + 1) * 700 * (10 ** (mels / 2595) - 1) / RATE).astype(int)
    bank = np.zeros((filters, bins // 2 + 1))
    for row, (low, middle, high) in enumerate(zip(edges[:-2], edges[1:-1], edges[2:], strict=True)):
        bank[row, low:middle] = (np.arange(low, middle) - low) / max(1, middle - low)
        bank[row, middle:high] = (high - np.arange(middle, high)) / max(1, high - middle)
    return bank


def _cosines(count: int, kept: int) -> NDArray[np.float64]:
    """Orthonormal DCT-II, `[kept, count]`."""
    angles = np.pi * np.arange(kept)[:, None] * (2 * np.arange(count) + 1) / (2 * count)
    scale = np.full((kept, 1), np.sqrt(2 / count))
    scale[0] = np.sqrt(1 / count)
    return np.cos(angles) * scale


def _block2d(inputs: int, outputs: int, kernel: int | tuple[int, int] = 3, padding: int = 1) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, kernel, padding=padding), nn.BatchNorm2d(outputs), nn.ReLU()


def _block3d(inputs: int, outputs: int, kernel, stride, padding) -> tuple[nn.Module, ...]:
    return nn.Conv3d(inputs, outputs, kernel, stride, padding), nn.BatchNorm3d(outputs), nn.ReLU()


def _head(embedding: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, embedding))


def _shape(value: object) -> tuple[int, ...] | None:
    return tuple(value.shape) if isinstance(value, Tensor) else None
