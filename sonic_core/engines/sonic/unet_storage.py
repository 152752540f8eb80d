"""The UNet as a plan wants it: its weights in 8 bits or as they were read, its blocks compiled or as written."""

from __future__ import annotations

import logging
from dataclasses import replace

import torch

from ...runtime.devices import compiles_8_bit_floats
from .eight_bit import is_in_8_bits, store_in_8_bits
from .loading import SonicModel

log = logging.getLogger(__name__)


def as_planned(model: SonicModel, small_weights: bool, compiled: bool, device: torch.device) -> SonicModel:
    """The model with its UNet's weights as planned, whatever an earlier clip had them stored in; read again where nothing else helps.

    compiled: run its blocks through torch.compile where `device` can.
    """
    if small_weights:
        store_in_8_bits(model.unet)
    elif is_in_8_bits(model.unet):
        if model.read_unet is None:
            log.warning("The UNet's weights stay in 8 bits, to which an earlier clip's memory drove them.")
        else:
            model = replace(model, unet=model.read_unet())
    if compiled and (not is_in_8_bits(model.unet) or compiles_8_bit_floats(device)):
        model.unet.compile_blocks()
    elif compiled:
        log.warning("This GPU cannot run compiled code with weights in 8 bits; the UNet is not compiled.")
        model.unet.run_as_written()
    return model
