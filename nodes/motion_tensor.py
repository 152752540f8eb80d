"""Motion latents that explain themselves to nodes which expect picture latents."""

from __future__ import annotations

import torch

from ..sonic_core.errors import SonicError


class MotionLatentError(SonicError, IndexError):
    """A LATENT of motion was given to a node that decodes or samples pictures."""


class MotionShape(tuple):
    """A shape whose missing picture dimensions say what to do instead."""

    def __getitem__(self, index):
        try:
            return super().__getitem__(index)
        except IndexError:
            raise MotionLatentError(
                "This LATENT holds face motion, not a picture, so a VAE cannot decode it. "
                "Connect it to Latent Decode (Sonic)."
            ) from None


class MotionTensor(torch.Tensor):
    """Motion `[T, P]`; an ordinary tensor but for the words with which it refuses to be a picture."""

    @property
    def shape(self) -> MotionShape:  # type: ignore[override]  # torch.Size, with words
        return MotionShape(super().shape)
