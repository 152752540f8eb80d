"""The picture through its two encoders, once per clip: on the device, or on the CPU where its memory is not enough."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...runtime.devices import is_out_of_memory, release_cache
from ...runtime.stopping import stoppable
from . import picture
from .decoding import encode_picture
from .loading import SonicModel

log = logging.getLogger(__name__)
T = TypeVar("T")
CPU = torch.device("cpu")


@torch.no_grad()
def encode_portrait(
    model: SonicModel,
    image: NDArray[np.uint8],
    device: torch.device,
    dtype: torch.dtype,
    look: Callable[[], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """CLIP embedding [1, C] and latent [4, h, w] of an RGB picture at the working size, both float32 on the CPU.

    The latent is encoded in float32, as half precision can overflow in that encoder.  The networks are on the CPU afterwards.
    look: called again and again meanwhile; may raise to stop.
    """

    def embedded(where: torch.device) -> Tensor:
        try:
            clip = model.clip.to(where)
            values = picture.clip_tensor(image).to(where, dtype)
            with stoppable(clip, look):
                return clip(values).image_embeds.float().cpu()
        finally:
            model.clip.to(CPU)

    def latent(where: torch.device) -> Tensor:
        try:
            vae = nn.Module.to(model.vae, where, torch.float32)
            with stoppable(vae.encoder, look):
                return encode_picture(vae, picture.reference_tensor(image)).cpu()
        finally:
            nn.Module.to(model.vae, CPU, dtype)

    return _somewhere(embedded, model, device), _somewhere(latent, model, device)


def _somewhere(encode: Callable[[torch.device], T], model: SonicModel, device: torch.device) -> T:
    """On the device; with an earlier clip's UNet off it where memory runs out; on the CPU where that is not enough."""
    for last_resort in (False, True):
        try:
            return encode(device)
        except RuntimeError as error:
            if device.type == "cpu" or not is_out_of_memory(error):
                raise
        model.unet.to(CPU)
        release_cache(device)
        if last_resort:
            log.warning("%s has no room for the picture's encoders: they run on the CPU.", device)
    return encode(CPU)
