"""The small networks behind one call, arrays in and arrays out, whichever runtime computes them: PyTorch or ONNX Runtime.

Nothing here imports either, nor NumPy; a room describes its networks by `NetworkSpec` and asks `loading.open_networks` for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TORCH, ONNX = "torch", "onnx"
RUNTIMES = (TORCH, ONNX)
"""The first one is the default: it needs no exported files."""

Shape = tuple["str | int", ...]
"""Sizes of an array; a name stands for any size, the same wherever it comes again."""


class Network(Protocol):
    """A network of one runtime; may be called from several threads at once."""

    def __call__(self, *inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Outputs in the order of the spec, for inputs in its order."""
        ...


@dataclass(frozen=True)
class NetworkSpec:
    """A network of the package as both runtimes need to know it.

    key: its name, which exported files bear.  purpose: for messages.  weights: file or folder that it is made from.
    maker: "module:function"; the function takes `weights` and returns a `torch.nn.Module` of these inputs and outputs.
    inputs, outputs: shapes by name.  tried_at: sizes for the named axes at which an exported file is compared with PyTorch.
    examples: "module:function" that takes such sizes and returns the inputs to compare with; empty = noise.
    graph: raised when the same weights are to be computed in another way, so that files exported before are refused.
    """

    key: str
    purpose: str
    weights: Path
    maker: str
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    tried_at: Sequence[Mapping[str, int]]
    examples: str = ""
    graph: int = 1

    def make(self) -> Any:
        """The `torch.nn.Module`, for evaluation; imports PyTorch."""
        return _imported(self.maker)(self.weights).eval().requires_grad_(False)

    def example_inputs(self, sizes: Mapping[str, int]) -> list[NDArray[np.float32]]:
        """Inputs of these sizes, the same at every call."""
        import numpy as np

        if self.examples:
            return _imported(self.examples)(sizes)
        rng = np.random.default_rng(0)
        shapes = ([sizes[n] if isinstance(n, str) else n for n in shape] for shape in self.inputs.values())
        return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


def check_runtime(name: str) -> None:
    """Raises SettingsError for a runtime that does not exist."""
    if name not in RUNTIMES:
        raise SettingsError(f"runtime is {name!r}; expected one of {', '.join(RUNTIMES)}.")


def _imported(place: str) -> Callable[..., Any]:
    module, _, function = place.rpartition(":")  # ComfyUI names packages by their path, C: included
    return getattr(import_module(module), function)
