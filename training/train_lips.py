"""Train the lip reader on the frozen (or gently tuned) Whisper encoder, or on a Wav2Vec2 of yours; resumes from its last checkpoint.

Loss and schedule follow lip reading practice: cross-entropy over phones, squared error of opening and rounding, binary
cross-entropy of closures; AdamW, warm-up, cosine; the mean of the weights over the last steps is what is kept.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from sonic_core.hearing.any_wav2vec2 import Wav2Vec2Encoder
from sonic_core.hearing.encoders import levelled
from sonic_core.hearing.lip_reader import CLOSURE, LABIODENTAL, OPEN, ROUND
from sonic_core.hearing.lip_reader_module import LipReader
from sonic_core.hearing.whisper import WhisperEncoder
from training import speech
from training.speech import Speech

SECONDS_PER_BATCH = 48
STRETCHES = (4.0, 6.0, 10.0)
"""Seconds: the encoder must know every position within a block."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True, help="folder of checkpoints and log")
    parser.add_argument("--sources", help="comma-separated; default: all")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--encoder-rate", type=float, default=0.0, help="learning rate of the encoder; 0 = frozen")
    parser.add_argument(
        "--wav2vec2", type=Path, help="folder of a transformers Wav2Vec2 model to listen with instead of Whisper"
    )
    parser.add_argument("--channels", type=int, default=192)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--spoilt", type=float, default=0.6)
    parser.add_argument("--start", type=Path, help="lip reader to start from")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    args.run.mkdir(parents=True, exist_ok=True)
    data = Speech(args.data, args.sources.split(",") if args.sources else None)
    print(f"{sum(data.seconds.values()) / 3600:.2f} h", {k: round(v / 60) for k, v in data.seconds.items()}, flush=True)

    encoder = WhisperEncoder.load()
    listen: Callable[[Tensor], Tensor] = encoder
    shape = {"channels": args.channels, "depth": args.depth}
    if args.wav2vec2:
        other = Wav2Vec2Encoder(args.wav2vec2)
        shape |= {"layers": other.layers, "width": other.width}

        def listen(waveforms: Tensor) -> Tensor:
            with torch.autocast("cpu", enabled=False), torch.no_grad():  # ours holds constants too large for bfloat16
                return other(waveforms)

    reader = LipReader.load(args.start).train().requires_grad_(True) if args.start else LipReader(**shape)
    tuned = args.encoder_rate > 0 and not args.wav2vec2
    encoder.requires_grad_(tuned)
    groups = [{"params": list(reader.parameters()), "peak": args.rate, "weight_decay": 0.02}]
    if tuned:
        groups.append({"params": list(encoder.parameters()), "peak": args.encoder_rate, "weight_decay": 0.0})
    optimizer = torch.optim.AdamW(groups, lr=args.rate, betas=(0.9, 0.98))
    both = nn.ModuleDict({"reader": reader, "encoder": encoder})
    mean = torch.optim.swa_utils.AveragedModel(
        both, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99), use_buffers=False
    )
    step, checkpoint = 0, args.run / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        both.load_state_dict(saved["model"])
        mean.load_state_dict(saved["mean"])
        optimizer.load_state_dict(saved["optimizer"])
        step = saved["step"]
    started, shown = time.monotonic(), None
    while step < args.steps:
        rng = np.random.default_rng([args.seed, step])  # resuming repeats nothing
        for group in optimizer.param_groups:
            group["lr"] = (
                group["peak"]
                * min(1, (step + 1) / 100)
                * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / args.steps)))
            )
        seconds = float(rng.choice(STRETCHES))
        batch = data.batch(round(SECONDS_PER_BATCH / seconds), seconds, rng, args.spoilt)
        waveforms = torch.stack(
            [torch.from_numpy(levelled(x.numpy())) * 10 ** rng.uniform(-0.15, 0.15) for x in batch.waveforms]
        )
        reader.train()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            with torch.set_grad_enabled(tuned):
                states = listen(waveforms)
            outputs = reader(states)
        loss, parts = losses(outputs.float(), batch.labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(both.parameters(), 2.0)
        optimizer.step()
        mean.update_parameters(both)
        step += 1
        shown = parts if shown is None else {k: 0.97 * shown[k] + 0.03 * v for k, v in parts.items()}
        if step % 50 == 0:
            line = {
                "step": step,
                "seconds": round(time.monotonic() - started),
                **{k: round(v, 4) for k, v in shown.items()},
            }
            print(json.dumps(line), flush=True)
        if step % 200 == 0 or step == args.steps:
            state = {
                "model": both.state_dict(),
                "mean": mean.state_dict(),
                "optimizer": optimizer.state_dict(),
                "step": step,
            }
            torch.save(state, checkpoint)
            export(mean.module, args.run, tuned, vars(args), data)


def losses(outputs: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, float]]:
    """outputs: [B, T, 44].  labels: [B, 5, T]."""
    count = min(outputs.shape[1], labels.shape[2])
    y, labels = outputs[:, :count], labels[:, :, :count]
    phones = F.cross_entropy(y[..., 4:].transpose(1, 2), labels[:, speech.PHONE].long(), label_smoothing=0.05)
    opening = F.mse_loss(y[..., OPEN], labels[:, speech.OPEN])
    rounding = F.mse_loss(y[..., ROUND], labels[:, speech.ROUND])
    closing = F.binary_cross_entropy_with_logits(y[..., CLOSURE], labels[:, speech.CLOSURE])
    biting = F.binary_cross_entropy_with_logits(y[..., LABIODENTAL], labels[:, speech.LABIODENTAL])
    total = phones + 20 * opening + 5 * rounding + 3 * closing + biting
    named = {"phones": phones, "opening": opening, "rounding": rounding, "closing": closing}
    return total, {k: v.item() for k, v in named.items()}


def export(model: nn.ModuleDict, run: Path, tuned: bool, settings: dict, data: Speech) -> None:
    """Write what the package ships: the lip reader in float16 and, if it was tuned, the encoder."""
    reader = model["reader"]
    about = {
        "layers": len(reader.norms), "width": reader.project.in_features, "channels": reader.project.out_features,
        "depth": len(reader.blocks), "torch": torch.__version__, "settings": {k: str(v) for k, v in settings.items()},
        "minutes": {k: round(v / 60, 1) for k, v in data.seconds.items()},
    }  # fmt: skip
    metadata = {k: v if isinstance(v, str) else json.dumps(v) for k, v in about.items()}
    save_file(
        {k: v.half().contiguous() for k, v in reader.state_dict().items()}, run / "lip_reader.safetensors", metadata
    )
    if tuned:
        weights = {k: v.half().contiguous() for k, v in model["encoder"].state_dict().items()}
        save_file(
            weights, run / "encoder.safetensors", {"source": "openai/whisper tiny.en encoder, tuned", "licence": "MIT"}
        )


if __name__ == "__main__":
    main()
