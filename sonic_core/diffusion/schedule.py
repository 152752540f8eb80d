"""Noise levels: which sigmas a sampler visits, and how a network's prediction becomes a denoised sample."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError
from .arrays import Array

Sigmas = NDArray[np.float32]
"""Noise levels `[S + 1]`, falling to 0."""

SVD_SIGMA_MAX, SVD_SIGMA_MIN = 700.0, 0.002  # scheduler_config.json of stable-video-diffusion-img2vid-xt


def karras_sigmas(
    steps: int, sigma_max: float = SVD_SIGMA_MAX, sigma_min: float = SVD_SIGMA_MIN, rho: float = 7.0
) -> Sigmas:
    """Noise levels of Karras et al. 2022, equation 5: `[steps + 1]` float32, from sigma_max to sigma_min and then 0."""
    _check_steps(steps)
    ramp = np.linspace(0, 1, steps)
    top, bottom = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    return _ending_in_zero((top + ramp * (bottom - top)) ** rho)


def flow_sigmas(steps: int, shift: float = 1.0) -> Sigmas:
    """Noise levels of flow matching, where x = (1 - sigma) * data + sigma * noise: `[steps + 1]` float32 from 1 to 0.

    shift > 1 spends more of the steps at high noise (Esser et al. 2024, equation 23); 1 spaces them evenly.
    """
    _check_steps(steps)
    sigmas = np.linspace(1, 0, steps + 1)[:-1]
    return _ending_in_zero(shift * sigmas / (1 + (shift - 1) * sigmas))


def denoised_from_v(v: Array, x: Array, sigma: float) -> Array:
    """v-prediction (Salimans and Ho 2022) in the sigma convention x = data + sigma * noise."""
    return v * (-sigma / math.sqrt(sigma**2 + 1)) + x / (sigma**2 + 1)


def scaled_input(x: Array, sigma: float) -> Array:
    """x brought to unit variance, which is what a v- or epsilon-predicting network was trained on."""
    return x / math.sqrt(sigma**2 + 1)


def continuous_timestep(sigma: float) -> float:
    """The number by which SVD tells its network the noise level: ln(sigma) / 4."""
    return 0.25 * math.log(sigma)


def _ending_in_zero(sigmas: NDArray[np.float64]) -> Sigmas:
    return np.append(sigmas, 0).astype(np.float32)


def _check_steps(steps: int) -> None:
    if steps < 1:
        raise SettingsError(f"inference_steps is {steps}; at least 1 step is needed, 20-30 are advised.")
