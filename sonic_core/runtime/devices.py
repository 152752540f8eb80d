"""The device that the networks work on: which one, in which precision, how much memory it has free and how fast it is."""

from __future__ import annotations

import gc
import importlib.util
import time
from pathlib import Path

import torch

from ..errors import SettingsError

HOST = ("cpu", "meta")  # meta: a CPU's path without numbers
UNKNOWN_MEMORY = 8 * 2.0**30  # bytes: what most graphics cards have at least
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")
LONG_PRODUCT = 0.2  # seconds: a product that takes as long tells the rate, and once is enough
PRECISIONS = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}


def usable_device(name: str | None = None) -> torch.device:
    """The device called `name`; by default CUDA, then MPS, then the CPU.

    Raises SettingsError for a device that torch does not know or this machine does not have.
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SettingsError(
            f"device is {name!r}, which cannot be used here ({error}); expected cpu, cuda or mps."
        ) from error
    return device


def working_dtype(precision: str | None, device: torch.device) -> torch.dtype:
    """The number format of the large networks; by default half precision where there is a GPU."""
    if precision is None:
        return torch.float32 if device.type == "cpu" else torch.float16
    if precision not in PRECISIONS:
        raise SettingsError(f"precision is {precision!r}; expected one of {', '.join(PRECISIONS)}.")
    return PRECISIONS[precision]


def has_8_bit_floats(device: torch.device) -> bool:
    return device.type != "mps"


def compiles_8_bit_floats(device: torch.device) -> bool:
    """Whether compiled code can read e4m3: on NVIDIA GPUs before compute capability 8.9 (RTX 30, A100) Triton refuses it."""
    return device.type != "cuda" or torch.cuda.get_device_capability(device) >= (8, 9)


def check_compiler(device: torch.device) -> None:
    """Raises SettingsError where torch.compile would fail in the middle of the work: on a GPU without Triton, as on most Windows PCs."""
    if device.type == "cuda" and importlib.util.find_spec("triton") is None:
        raise SettingsError(
            "compile is asked for, but PyTorch compiles for this GPU with Triton, which is not installed. Install it "
            "(on Windows the package is called triton-windows), or leave compile out."
        )


def free_memory(device: torch.device) -> float:
    """Bytes that this process may still use on a device; infinite where the system does not say what a host has free.

    On CUDA and XPU what PyTorch has cached and uses for nothing counts as free.  Devices that cannot be asked (DirectML) count as
    `UNKNOWN_MEMORY`.
    """
    if device.type in ("cuda", "xpu"):
        backend = getattr(torch, device.type)
        cached = backend.memory_reserved(device) - backend.memory_allocated(device)
        return backend.mem_get_info(device)[0] + cached
    if device.type == "mps":
        return max(0.0, torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    if device.type not in HOST:
        return UNKNOWN_MEMORY
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return float("inf")
    return next((1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), float("inf"))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory was not enough: CUDA and XPU have a class for it, the others say it in words."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    told = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in told for words in OUT_OF_MEMORY)


def release_cache(device: torch.device) -> None:
    """Give memory back that PyTorch keeps for later."""
    gc.collect()
    if device.type in ("cuda", "xpu", "mps"):
        getattr(torch, device.type).empty_cache()


def sustained_rate(device: torch.device, dtype: torch.dtype) -> float:
    """FLOP/s that this device reaches on a matrix product of the size of a feed-forward layer, halved: what a UNet pass sustains.

    On a CPU smaller products come first and tell the rate where they already take long: it needs seconds for a large one in half
    precision.  On others the first product is the slowest, as it loads what computes it.
    """
    rate = 0.0
    for size in (256, 512, 1024) if device.type == "cpu" else (4096,):
        a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
        best = _seconds_of_product(a, b)
        slow = device.type == "cpu" and best >= LONG_PRODUCT
        if not slow:
            best = min(best, *(_seconds_of_product(a, b) for _ in range(2)))
        rate = size**3 / best
        if slow:
            break
    return rate


def _seconds_of_product(a: torch.Tensor, b: torch.Tensor) -> float:
    start = time.perf_counter()
    (a @ b).sum().item()
    return time.perf_counter() - start
