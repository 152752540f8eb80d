"""A rough picture of latents without the VAE, for previews while sampling."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# How the four latent channels of Stable Diffusion 1.x and SVD map to red, green and blue, found by regression; widely published.
LATENT_TO_RGB = (
    (0.3512, 0.2297, 0.3227),
    (0.3250, 0.4974, 0.2350),
    (-0.2829, 0.1762, 0.2721),
    (-0.2120, -0.2616, -0.7177),
)


def latent_preview(latents: Tensor) -> NDArray[np.uint8]:
    """The middle frame of latents [N, 4, h, w] as RGB uint8 [h, w, 3]."""
    middle = middle_frame(latents)
    rgb = torch.einsum("chw,cr->hwr", middle, torch.tensor(LATENT_TO_RGB, device=middle.device))
    return ((rgb + 1) * 127.5).clamp(0, 255).byte().cpu().numpy()


def middle_frame(latents: Tensor) -> Tensor:
    """[N, 4, h, w] -> [4, h, w] float32."""
    return latents[len(latents) // 2].float()
