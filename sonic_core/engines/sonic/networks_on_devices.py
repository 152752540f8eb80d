"""The networks on the devices that share a clip: brought there as plans want them, taken off again, and what room there is."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ...runtime.devices import free_memory, release_cache
from .eight_bit import module_bytes
from .loading import SonicModel, with_own_large_networks
from .planning import ENCODE_BYTES, MemoryPlan, ModelSizes
from .unet import SonicUNet
from .unet_storage import as_planned


class DeviceNetworks:
    """models: of each device, the first one's with all networks; those beside it have their own UNet and decoders.

    compiled: UNets run through torch.compile.  audio_scale: weight of the attention to sound.  reserve: bytes of a device that others are
    to have.
    """

    def __init__(
        self, model: SonicModel, devices: Sequence[torch.device], compiled: bool, audio_scale: float, reserve: float
    ) -> None:
        self.models = [model, *(with_own_large_networks(model) for _ in devices[1:])]
        self.devices, self.compiled, self.audio_scale, self.reserve = devices, compiled, audio_scale, reserve

    def free(self, device: torch.device) -> float:
        """Bytes of a device that one of its lanes may use, with what the networks hold there."""
        large = [network for model in self.models for network in (model.unet, model.vae)]
        first = self.models[0]
        held = sum(module_bytes(net) for net in (*large, first.clip, *first.that_hear) if _is_on(net, device))
        lanes = sum(one == device for one in self.devices)
        return max(0.0, free_memory(device) + held - self.reserve) / lanes

    def unet_for(self, lane: int, plan: MemoryPlan) -> SonicUNet:
        """The UNet on one of the devices, as planned."""
        device = self.devices[lane]
        self.models[lane] = as_planned(self.models[lane], plan.small_weights, self.compiled, device)
        unet = self.models[lane].unet
        unet.chunk_feed_forward(plan.chunked)
        unet.weigh_audio(self.audio_scale)
        unet.to(device)
        return unet

    def ready_to_decode(self, lane: int, plan: MemoryPlan, small: bool) -> None:
        """Decoder and interpolation on one of the devices, its UNet off it where the plan says so.  small: the small decoder."""
        model, device = self.models[lane], self.devices[lane]
        if plan.unload_unet:
            model.unet.to("cpu")
        if small and model.small_decoder is not None:
            model.small_decoder.to(device, model.unet.dtype)
        else:
            model.vae.to(device)
        if model.ifnet is not None and lane == 0:
            model.ifnet.to(device)

    def make_room_for_encoders(self, sizes: ModelSizes, pixels: int) -> None:
        """Take the UNet of an earlier clip off a device that cannot hold the encoders' work beside it."""
        needed = sizes.clip + 2 * sizes.vae + ENCODE_BYTES * pixels
        if self.devices[0].type != "cpu" and free_memory(self.devices[0]) < needed:
            self.models[0].unet.to("cpu")

    def rest(self) -> None:
        """Everything off the devices; the next clip brings it back."""
        for model, device in zip(self.models, self.devices, strict=True):
            for network in (model.unet, model.vae, model.clip, model.ifnet, model.small_decoder):
                if network is not None:
                    network.to("cpu")
            release_cache(device)


def _is_on(module: torch.nn.Module, device: torch.device) -> bool:
    where = next(module.parameters()).device
    return where.type == device.type and (device.index is None or where.index == device.index)
