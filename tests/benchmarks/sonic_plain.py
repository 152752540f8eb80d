"""Plain mode: the published code's order of work, to measure savings against; nothing is shared and nothing is kept."""

import functools

import torch
import torch.nn.functional as F
from diffusers import UNetSpatioTemporalConditionModel
from torch import nn

from sonic_core.diffusion.schedule import continuous_timestep, denoised_from_v, scaled_input
from sonic_core.engines.sonic.attention import audio_attentions, mask_on_grid
from sonic_core.engines.sonic.temporal_convolution import TemporalConv


class PlainAttention(nn.Module):
    """Both cross-attentions with keys and values projected at every use, for every position in temporal blocks."""

    def __init__(self, ours, temporal, call):
        super().__init__()
        self.to_k_ip, self.to_v_ip, self.temporal, self.call = ours.to_k_ip, ours.to_v_ip, temporal, call

    def forward(self, attn, hidden_states, *_, **__):
        clip, audio, mask, frames = self.call
        if self.temporal:
            branches = len(clip) // frames
            positions = len(hidden_states) // branches
            clip, audio = (
                x.unflatten(0, (branches, frames)).mean(1).repeat_interleave(positions, dim=0) for x in (clip, audio)
            )
        query = self._heads(attn, attn.to_q(hidden_states))

        def attend(keys, values):
            out = F.scaled_dot_product_attention(query, self._heads(attn, keys), self._heads(attn, values))
            return out.transpose(1, 2).flatten(2)

        heard = attend(self.to_k_ip[0](audio), self.to_v_ip[0](audio))
        if not self.temporal and mask is not None:
            heard = heard * mask_on_grid(mask, hidden_states.shape[1])[None, :, None].to(heard.dtype)
        return attn.to_out[0](attend(attn.to_k(clip), attn.to_v(clip)) + heard)

    @staticmethod
    def _heads(attn, x):
        return x.unflatten(-1, (attn.heads, -1)).transpose(1, 2)


class PlainDenoiser:
    """All three branches in one batch through diffusers' own forward pass."""

    def __init__(self, unet, conditions):
        self.unet, self.conditions, self.call = unet, conditions, []
        for module in unet.modules():
            if isinstance(module, TemporalConv):
                module._conv_forward = functools.partial(nn.Conv3d._conv_forward, module)
        for name, module in unet.named_modules():
            if name.endswith(".attn2"):
                module.set_processor(PlainAttention(module.processor, "temporal_transformer_blocks" in name, self.call))

    def __call__(self, x, sigma, frames, branches):
        c, count = self.conditions, len(frames)
        image = c.image_latent.to(x).expand(count, -1, -1, -1)
        noisy = scaled_input(x, sigma)
        sample = torch.stack([torch.cat([noisy, part], 1) for part in (torch.zeros_like(image), image, image)])
        clip = torch.cat([torch.zeros_like(c.clip), c.clip, c.clip])[:, None].repeat_interleave(count, dim=0)
        silence = c.silence.expand(count, -1, -1)
        self.call[:] = clip, torch.cat([silence, silence, c.audio[frames]]), c.mask, count
        ids = torch.cat([c.buckets.new_tensor([c.fps]), c.buckets[frames].mean(0)]).expand(3, 3)
        timestep = torch.tensor([continuous_timestep(sigma)])
        v = UNetSpatioTemporalConditionModel.forward(
            self.unet, sample, timestep, clip[::count], ids, return_dict=False
        )[0]
        denoised = [denoised_from_v(part, x, sigma) for part in v]
        return [denoised[branch] for branch in branches]


def make_exact(unet, processors):
    """Give a UNet its own processors and convolutions back after a `PlainDenoiser` had it."""
    for module in unet.modules():
        if isinstance(module, TemporalConv):
            del module._conv_forward
    for (attn, _), processor in zip(audio_attentions(unet), processors, strict=True):
        attn.set_processor(processor)
