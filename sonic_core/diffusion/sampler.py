"""The sampler: from noise to latents, for a clip of any length; both engines call it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from ..progress import Progress, ignore
from .arrays import Array, add_at
from .guidance import Denoise
from .schedule import Sigmas
from .windows import Windows, in_batches


def sample_euler(
    denoise: Denoise,
    x: Array,
    sigmas: Sigmas,
    windows: Windows,
    progress: Progress = ignore,
    preview: Callable[[Array], NDArray[np.uint8]] | None = None,
    first: int = 0,
    keep: Callable[[int, Array], None] | None = None,
    zeros: Callable[[Sequence[int]], Array] | None = None,
    together: int = 1,
) -> Array:
    """Euler steps over sliding windows (Karras et al. 2022, algorithm 1; time-aware shift: Sonic, section 3.4).

    x: [T, ...] latents of the whole clip, float32, at sigmas[0], as NumPy array or PyTorch tensor.  sigmas: [S + 1], falling to 0.
    denoise works on the same kind of array, and answers without gradients.
    Returns the denoised latents, same shape.  All windows of a step start from the same x; where they meet, results are averaged.
    progress: may raise to stop.  preview: draws a picture of denoised latents [T, ...], only called when progress asks for one.
    first: the step to begin with, x being at sigmas[first].  keep: gets the number of finished steps and x after each of them.
    zeros: makes tensors as long as the clip; None = where x is.  together: windows that denoise gets at once, as [B, W, ...]; 1 = each by
    itself, as [W, ...].
    """
    levels = sigmas.tolist()
    for i, (sigma, sigma_next) in islice(enumerate(pairwise(levels)), first, None):
        acc, hits = zeros(x.shape) if zeros else 0 * x, 0 * x.reshape(len(x), -1)[:, 0]
        for frames in windows(len(x), i) if together == 1 else in_batches(windows(len(x), i), together):
            denoised = denoise(x[frames], sigma, frames)
            d = (x[frames] - denoised) / sigma
            add_at(acc, frames, x[frames] + d * (sigma_next - sigma))
            add_at(hits, frames, 0 * hits[frames] + 1)
        acc /= hits.reshape(-1, *[1] * (x.ndim - 1))
        if keep is not None:
            keep(i + 1, acc)
        progress("sampling", i + 1, len(levels) - 1, _look(preview, x, acc, sigma, sigma_next))
        x = acc
    return x


def _look(
    preview: Callable[[Array], NDArray[np.uint8]] | None, before: Array, x: Array, sigma: float, sigma_next: float
) -> Callable[[], NDArray[np.uint8]] | None:
    """A picture of where the last step was heading: x followed along its slope to sigma 0."""
    if preview is None:
        return None
    return lambda: preview(x - (x - before) * (sigma_next / (sigma_next - sigma)))
