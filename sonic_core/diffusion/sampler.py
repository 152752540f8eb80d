"""The sampler: from noise to latents, for a clip of any length; both engines call it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..progress import Progress, ignore
from .guidance import Denoise
from .windows import Windows


@torch.no_grad()
def sample_euler(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    windows: Windows,
    progress: Progress = ignore,
    preview: Callable[[Tensor], NDArray[np.uint8]] | None = None,
) -> Tensor:
    """Euler steps over sliding windows (Karras et al. 2022, algorithm 1; time-aware shift: Sonic, section 3.4).

    x: [T, ...] latents of the whole clip, float32, at sigmas[0].  sigmas: [S + 1], falling to 0.
    Returns the denoised latents, same shape.  All windows of a step start from the same x; where they meet, results are averaged.
    progress: may raise to stop.  preview: draws a picture of denoised latents [T, ...], only called when progress asks for one.
    """
    levels = sigmas.tolist()
    for i, (sigma, sigma_next) in enumerate(pairwise(levels)):
        acc, hits = torch.zeros_like(x), x.new_zeros(len(x))
        for frames in windows(len(x), i):
            denoised = denoise(x[frames], sigma, frames)
            d = (x[frames] - denoised) / sigma
            acc.index_put_((frames,), x[frames] + d * (sigma_next - sigma), accumulate=True)
            hits.index_put_((frames,), hits.new_ones(len(frames)), accumulate=True)
        acc /= hits.view(-1, *[1] * (x.ndim - 1))
        progress("sampling", i + 1, len(levels) - 1, _look(preview, x, acc, sigma, sigma_next))
        x = acc
    return x


def _look(
    preview: Callable[[Tensor], NDArray[np.uint8]] | None, before: Tensor, x: Tensor, sigma: float, sigma_next: float
) -> Callable[[], NDArray[np.uint8]] | None:
    """A picture of where the last step was heading: x followed along its slope to sigma 0."""
    if preview is None:
        return None
    return lambda: preview(x - (x - before) * (sigma_next / (sigma_next - sigma)))
