"""Guidance: several predictions under different conditions, combined into one denoised sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from .arrays import Array
from .schedule import Sigmas

Scale = float | Callable[[float], float]
"""A guidance scale: one number, or a function of the noise level sigma."""

Branches = Callable[[Array, float, NDArray[np.int64], tuple[int, ...]], Sequence[Array]]
"""predict(x, sigma, frames, branches) -> the denoised sample of each asked branch, in that order, each shaped like x."""

Denoise = Callable[[Array, float, NDArray[np.int64]], Array]
"""denoise(x, sigma, frames) -> denoised.  x: [W, ...] noisy latents of one window at noise level sigma.  frames: [W] their places.

Where the sampler is told to give windows together, both have an axis more in front: [B, W, ...] and [B, W].
"""


def classifier_free(predict: Branches, scale: Scale) -> Denoise:
    """Ho and Salimans 2022: branch 0 knows nothing, branch 1 everything; 1 = no guidance, and branch 0 is not computed."""

    def weights(sigma: float) -> tuple[float, ...]:
        g = scale_at(scale, sigma)
        return (1 - g, g)

    return _combined(predict, weights)


def three_branch(predict: Branches, image_scale: Scale, audio_scale: Scale) -> Denoise:
    """v0 + image_scale * (v1 - v0) + audio_scale * (v2 - v1): branch 0 knows nothing, 1 the picture, 2 picture and sound.

    A branch whose weight comes out as zero is not computed: image_scale 1 needs branches 1 and 2, both scales 1 only branch 2.
    """

    def weights(sigma: float) -> tuple[float, ...]:
        g1, g2 = scale_at(image_scale, sigma), scale_at(audio_scale, sigma)
        return (1 - g1, g1 - g2, g2)

    return _combined(predict, weights)


def ramp(sigmas: Sigmas, low: float, high: float) -> Scale:
    """A scale that goes evenly from `low` at the first step to `high` at the last one.  sigmas: [S + 1], as the sampler gets them."""
    values = np.linspace(low, high, len(sigmas) - 1).tolist()
    table = dict(zip(sigmas.tolist()[:-1], values, strict=True))
    return table.__getitem__


def within(scale: Scale, sigma_low: float, sigma_high: float) -> Scale:
    """Guidance only where sigma_low < sigma <= sigma_high, plain prediction elsewhere (Kynkäänniemi et al. 2024)."""
    return lambda sigma: scale_at(scale, sigma) if sigma_low < sigma <= sigma_high else 1.0


def scale_at(scale: Scale, sigma: float) -> float:
    """The value of a scale at a noise level."""
    return scale(sigma) if callable(scale) else scale


def _combined(predict: Branches, weights: Callable[[float], tuple[float, ...]]) -> Denoise:
    def denoise(x: Array, sigma: float, frames: NDArray[np.int64]) -> Array:
        used = {branch: weight for branch, weight in enumerate(weights(sigma)) if weight}
        predictions = predict(x, sigma, frames, tuple(used))
        first, *others = (weight * p for weight, p in zip(used.values(), predictions, strict=True))
        return sum(others, first)

    return denoise
