"""Train the motion denoiser by flow matching: lips as the lip reader hears them, the rest of the face as `behaviour` plays it.

First the recordings are listened to once and kept as arrays (`clips.npz` in the run's folder), then the denoiser trains on random
windows of them.  Resumes from its last checkpoint.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from sonic_core.engines.lite.denoiser import MotionDenoiser
from sonic_core.engines.lite.motion_space import CHANNELS, LIPS, MotionSpace, conditions
from sonic_core.engines.lite.prosody import Prosody, read_prosody
from sonic_core.hearing.encoder_choice import WEIGHTS
from sonic_core.hearing.encoders import SpeechEncoder
from sonic_core.hearing.lip_motion import MOUTH
from sonic_core.hearing.lip_reader import load_lip_reader, read_lips
from sonic_core.hearing.whisper import WhisperEncoder
from sonic_core.runtime.network import Network
from training.behaviour import behaviour, effort
from training.speech import Speech

FPS = 25
CLIP_SECONDS = 24.0
WINDOW = 125
"""Frames in a training window; the sampler's windows are as long."""
VARIANTS = 6
"""Performances of every clip: the same words, another head."""
WITH_EFFORT = ("jaw", "pucker", "stretch", "upraise", "lowdep")
CHANNEL_WEIGHTS = {"jaw": 4.0, "close": 4.0, "fv": 2.0, "pucker": 2.0, "stretch": 2.0}


@dataclass(frozen=True)
class Clips:
    """heard: [N, T, CONDITIONS].  motion: [N, VARIANTS, T, C] in the renderer's units.  Both float16."""

    heard: NDArray[np.float16]
    motion: NDArray[np.float16]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--reader", type=Path, default=WEIGHTS / "lip_reader.safetensors")
    parser.add_argument("--encoder", type=Path, default=WEIGHTS / "whisper_tiny_en_encoder.safetensors")
    parser.add_argument("--clips", type=int, default=400)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--depth", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    args.run.mkdir(parents=True, exist_ok=True)
    clips = _clips(args.run / "clips.npz", args)
    print({k: v.shape for k, v in vars(clips).items()}, flush=True)

    model = MotionDenoiser(args.width, args.depth)
    motion = clips.motion[:, 0].reshape(-1, len(CHANNELS)).astype(np.float32)
    model.mean.copy_(torch.from_numpy(motion.mean(0)))
    model.scale.copy_(torch.from_numpy(motion.std(0)).clamp_min(0.02))
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.01)
    mean = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995), use_buffers=False
    )
    step, checkpoint = 0, args.run / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        mean.load_state_dict(saved["mean"])
        optimizer.load_state_dict(saved["optimizer"])
        step = saved["step"]
    weights = torch.tensor([CHANNEL_WEIGHTS.get(c, 1.0) for c in CHANNELS])
    space = MotionSpace(model.mean.numpy(), model.scale.numpy())
    started, shown = time.monotonic(), None
    while step < args.steps:
        rng = np.random.default_rng([args.seed, step])
        torch.manual_seed(args.seed * 1_000_003 + step)
        for group in optimizer.param_groups:
            group["lr"] = (
                args.rate * min(1, (step + 1) / 200) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / args.steps)))
            )
        clean, heard = _batch(clips, space, args.batch, rng)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            error = flow_error(model, clean, heard, rng)
        loss = (error * weights).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        mean.update_parameters(model)
        step += 1
        parts = {"lips": error[..., LIPS].mean().item(), "behaviour": error[..., LIPS.stop :].mean().item()}
        shown = parts if shown is None else {k: 0.98 * shown[k] + 0.02 * v for k, v in parts.items()}
        if step % 100 == 0:
            print(
                json.dumps(
                    {
                        "step": step,
                        "seconds": round(time.monotonic() - started),
                        **{k: round(v, 4) for k, v in shown.items()},
                    }
                ),
                flush=True,
            )
        if step % 250 == 0 or step == args.steps:
            torch.save(
                {
                    "model": model.state_dict(),
                    "mean": mean.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "step": step,
                },
                checkpoint,
            )
            export(mean.module, args.run / "motion_denoiser.safetensors", vars(args))


def flow_error(model: MotionDenoiser, clean: Tensor, heard: Tensor, rng: np.random.Generator) -> Tensor:
    """Weighted squared error of the predicted motion `[B, W, C]`.

    A tenth of the batch hears nothing (for guidance); three tenths know up to a second of what came before.
    """
    size, window, _ = clean.shape
    sigma = torch.from_numpy(rng.uniform(0.002, 1.0, size).astype(np.float32))
    level = sigma[:, None, None]
    noisy = (1 - level) * clean + level * torch.randn_like(clean)
    settled = np.where(rng.random(size) < 0.3, rng.integers(1, FPS, size), 0)
    is_known = torch.from_numpy((np.arange(window) < settled[:, None]).astype(np.float32))
    deaf = round(size * 0.1)
    predicted = torch.cat(
        [
            model(noisy[:deaf], sigma[:deaf], None, clean[:deaf], is_known[:deaf]),
            model(noisy[deaf:], sigma[deaf:], heard[deaf:], clean[deaf:], is_known[deaf:]),
        ]
    ).float()
    return F.mse_loss(predicted, clean, reduction="none") / (level**2 + 0.02).sqrt()


def listen(data: Speech, encoder: SpeechEncoder, reader: Network, count: int, seed: int) -> Clips:
    """Hear `count` clips of CLIP_SECONDS and perform each of them VARIANTS times."""
    frames = int(CLIP_SECONDS * FPS)
    heard, motion = [], []
    for i in range(count):
        rng = np.random.default_rng([seed, 7, i])
        torch.manual_seed(seed * 1_000_003 + i)
        waveform = data.batch(1, CLIP_SECONDS, rng, spoilt=0.5, without=0.05).waveforms[0].numpy()
        prosody = read_prosody(waveform, frames, FPS)
        cues = conditions(read_lips(encoder, reader, [waveform]), prosody, frames, FPS)
        heard.append(cues.astype(np.float16))
        motion.append(np.stack([perform(cues, prosody, rng) for _ in range(VARIANTS)]).astype(np.float16))
        if (i + 1) % 50 == 0:
            print(f"{i + 1} of {count} clips heard", flush=True)
    return Clips(np.stack(heard), np.stack(motion))


def perform(cues: NDArray[np.float32], prosody: Prosody, rng: np.random.Generator) -> NDArray[np.float32]:
    """Motion `[T, C]` for what is heard: the mouth with more or less effort, closures untouched, and the rest of the face."""
    mouth = cues[:, -len(MOUTH) :].copy()
    mouth[:, [MOUTH.index(name) for name in WITH_EFFORT]] *= effort(prosody, rng)[:, None]
    return np.concatenate([mouth, behaviour(prosody, rng)], 1)


def export(model: MotionDenoiser, path: Path, settings: dict) -> None:
    about = {
        "width": model.out.in_features,
        "depth": len(model.layers),
        "heads": model.layers[0].heads,
        "torch": torch.__version__,
    }
    about["settings"] = json.dumps({k: str(v) for k, v in settings.items()})
    save_file(
        {k: v.half().contiguous() for k, v in model.state_dict().items()}, path, {k: str(v) for k, v in about.items()}
    )


def _clips(path: Path, args: argparse.Namespace) -> Clips:
    if not path.exists():
        clips = listen(
            Speech(args.data), WhisperEncoder.load(args.encoder), load_lip_reader(args.reader), args.clips, args.seed
        )
        np.savez(path, **vars(clips))
    with np.load(path) as file:
        return Clips(**{k: file[k] for k in file.files})


def _batch(clips: Clips, space: MotionSpace, size: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    count, variants, frames, _ = clips.motion.shape
    clean, heard = [], []
    places = (
        rng.integers(count, size=size),
        rng.integers(variants, size=size),
        rng.integers(frames - WINDOW, size=size),
    )
    for clip, variant, first in zip(*places, strict=True):
        window = slice(first, first + WINDOW)
        clean.append(torch.from_numpy(space.encode(clips.motion[clip, variant, window].astype(np.float32))))
        heard.append(torch.from_numpy(clips.heard[clip, window].astype(np.float32)))
    return torch.stack(clean), torch.stack(heard)


if __name__ == "__main__":
    main()
