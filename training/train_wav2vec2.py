"""Make the package's Wav2Vec2: built from Whisper's encoder (wav2vec2_design.py), distilled to all its states; resumes where it stopped.

The front end and, more slowly, the transformer learn to give the states that Whisper gives for clean and spoilt speech.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from sonic_core.hearing.encoders import levelled
from sonic_core.hearing.whisper import WhisperEncoder
from training import wav2vec2_design as design
from training.speech import Speech

if TYPE_CHECKING:
    from transformers import Wav2Vec2Model

SECONDS_FITTED, SECONDS_PER_BATCH = 160, 24
STRETCHES = (4.0, 6.0, 10.0)
FIXED = ("conv_layers.0.", "conv_layers.1.", "conv_layers.2.", "pos_conv_embed")
"""Filters, levels and positions stay as they were built: equal steps of all their taps would ruin them."""
IN_FLOAT32 = ("conv_layers.0.", "feature_projection.projection.bias", "pos_conv_embed.conv.bias")
"""Too small or too large a value beside a small one for float16."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True, help="folder of checkpoint, log and model")
    parser.add_argument("--steps", type=int, default=350)
    parser.add_argument("--rate", type=float, default=2e-5, help="learning rate of the front end")
    parser.add_argument("--transformer-rate", type=float, default=3e-5)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.run.mkdir(parents=True, exist_ok=True)
    data = Speech(args.data)
    whisper = WhisperEncoder.load()

    torch.manual_seed(args.seed)
    fitted = heard(data, SECONDS_FITTED, 10.0, np.random.default_rng(args.seed))
    model = design.build(whisper, fitted)
    optimizer = torch.optim.AdamW(groups(model, args.rate, args.transformer_rate), betas=(0.9, 0.98), weight_decay=0.0)
    step, checkpoint = 0, args.run / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        step = saved["step"]
    started, shown = time.monotonic(), None
    while step < args.steps:
        rng = np.random.default_rng([args.seed, step])  # resuming repeats nothing
        torch.manual_seed(args.seed * 1_000_003 + step)
        for group in optimizer.param_groups:
            falling = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / args.steps))
            group["lr"] = group["peak"] * min(1, (step + 1) / 20) * falling
        waveforms = heard(data, SECONDS_PER_BATCH, float(rng.choice(STRETCHES)), rng)
        with torch.no_grad():
            wanted = whisper(waveforms)
        errors = relative_errors(states(model, waveforms)[:, : wanted.shape[1]], wanted)
        optimizer.zero_grad()
        errors.mean().backward()
        torch.nn.utils.clip_grad_norm_([p for g in optimizer.param_groups for p in g["params"]], 1.0)
        optimizer.step()
        step += 1
        now = errors.detach()
        shown = now if shown is None else 0.95 * shown + 0.05 * now
        if step % 20 == 0 or step == args.steps:
            line = {"step": step, "seconds": round(time.monotonic() - started)}
            print(json.dumps({**line, "errors": [round(e, 4) for e in shown.tolist()]}), flush=True)
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, checkpoint)
            about = {name: getattr(args, name) for name in ("steps", "rate", "transformer_rate", "seed")}
            minutes = {name: round(seconds / 60, 1) for name, seconds in data.seconds.items()}
            export(model, args.run / "wav2vec2", {**about, "steps_done": step, "minutes": json.dumps(minutes)})


def heard(data: Speech, seconds_in_all: float, seconds: float, rng: np.random.Generator) -> Tensor:
    """Random stretches `[B, samples]`, some spoilt, levelled as the encoder hears them."""
    batch = data.batch(max(1, round(seconds_in_all / seconds)), seconds, rng)
    return torch.stack(
        [torch.from_numpy(levelled(x.numpy())) * 10 ** rng.uniform(-0.15, 0.15) for x in batch.waveforms]
    )


def groups(model: Wav2Vec2Model, front_rate: float, transformer_rate: float) -> list[dict]:
    model.requires_grad_(False)
    front, transformer = [], []
    for name, parameter in model.named_parameters():
        if name == "masked_spec_embed" or any(fixed in name for fixed in FIXED):
            continue
        parameter.requires_grad_(True)
        (transformer if name.startswith("encoder.") else front).append(parameter)
    return [{"params": front, "peak": front_rate}, {"params": transformer, "peak": transformer_rate}]


def states(model: Wav2Vec2Model, waveforms: Tensor) -> Tensor:
    """What `Wav2Vec2Encoder` gives, `[B, T, layers, width]`; transformer in bfloat16, the rest needs float32."""
    padded = F.pad(waveforms, (design.margin(), design.margin()))
    projected, _ = model.feature_projection(model.feature_extractor(padded).transpose(1, 2))
    hidden = [projected + model.encoder.pos_conv_embed(projected)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for layer in model.encoder.layers:
            result = layer(hidden[-1])
            hidden.append(result[0] if isinstance(result, tuple) else result)
        hidden[-1] = model.encoder.layer_norm(hidden[-1])
    return torch.stack([h.float() for h in hidden], 2)


def relative_errors(states: Tensor, wanted: Tensor) -> Tensor:
    """Squared error of every layer relative to the variance of what is wanted: `[layers]`."""
    variance = (wanted - wanted.mean((0, 1), keepdim=True)).square().mean((0, 1, 3))
    return (states - wanted).square().mean((0, 1, 3)) / variance


def export(model: Wav2Vec2Model, folder: Path, about: dict) -> None:
    """Write a folder for `Wav2Vec2Encoder`: float16 but for what it cannot hold."""
    folder.mkdir(parents=True, exist_ok=True)
    # Without its type in the config, transformers rounds what must stay float32.
    config = {**model.config.to_diff_dict(), "architectures": ["Wav2Vec2Model"], "dtype": "float32"}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    weights = {
        name: (value if any(part in name for part in IN_FLOAT32) else value.half()).contiguous()
        for name, value in model.state_dict().items()
    }
    metadata = {"format": "pt", "source": "openai/whisper tiny.en encoder (MIT), distilled", "torch": torch.__version__}
    save_file(weights, folder / "model.safetensors", metadata | {k: str(v) for k, v in about.items()})
    preprocessor = {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "do_normalize": False,
        "sampling_rate": 16_000,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor, indent=2) + "\n")


if __name__ == "__main__":
    main()
