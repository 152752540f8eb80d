"""The decoder: latents to key frames through SVD's temporal VAE, a few frames at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from diffusers import AutoencoderKLTemporalDecoder
from torch import Tensor, nn

from ...progress import Progress, ignore

log = logging.getLogger(__name__)


Fit = Callable[[Callable[[int], Tensor]], Tensor]
"""fit(work) -> work(chunk), again with a smaller chunk where the device's memory was not enough."""


@dataclass(frozen=True)
class ChunkedDecoder:
    """Decodes a clip chunk by chunk; memory depends on the chunk, not on the clip.

    chunk: frames decoded at once.  overlap: frames at a seam that both neighbours decode and that are blended from one to the other;
    0 gives the seams of the published code, where the temporal decoder sees only its own chunk.
    fit: may do a chunk again with fewer frames; the rest of the clip is shared out anew then.  None = every chunk is decoded as it is.
    """

    vae: AutoencoderKLTemporalDecoder
    chunk: int = 8
    overlap: int = 3
    fit: Fit | None = None

    @torch.no_grad()
    def __call__(self, latents: Tensor, progress: Progress = ignore) -> Iterator[Tensor]:
        """latents [N, 4, h, w] -> N pictures [3, 8h, 8w], float32, about -1..1."""
        spans = self.spans(len(latents))
        tail: Tensor | None = None
        while spans:
            start, end, emitted = spans.pop(0)
            progress("decoding", start, len(latents))
            frames = self._fitted(latents[start:end])
            if len(frames) < end - start:  # a smaller chunk was all that fitted
                smaller = replace(self, chunk=len(frames))
                spans = [(start + a, start + b, start + c) for a, b, c in smaller.spans(len(latents) - start)]
                _, end, emitted = spans.pop(0)
            if tail is not None:
                shared = min(len(tail), len(frames))
                rising = torch.arange(1, shared + 1, device=frames.device).view(-1, 1, 1, 1) / (len(tail) + 1)
                frames[:shared] = tail[:shared] + (frames[:shared] - tail[:shared]) * rising
            yield from frames[: emitted - start]
            tail = frames[emitted - start :] if emitted < end else None
        progress("decoding", len(latents), len(latents))

    def spans(self, length: int) -> list[tuple[int, int, int]]:
        """First frame, end, and end of what is final once it is decoded, for every chunk."""
        chunk, overlap = max(1, self.chunk), min(self.overlap, max(1, self.chunk) - 1)
        if not overlap:
            return [(i, min(i + chunk, length), min(i + chunk, length)) for i in range(0, length, chunk)]
        chunks = max(1, -(-(length - overlap) // (chunk - overlap)))
        starts = [round(i * (length - chunk) / max(chunks - 1, 1)) for i in range(chunks)] if length > chunk else [0]
        ends = [min(start + chunk, length) for start in starts]
        return [(start, end, final) for (start, final), end in zip(pairwise([*starts, length]), ends, strict=True)]

    def _fitted(self, latents: Tensor) -> Tensor:
        if self.fit is None:
            return self._decode(latents)
        return self.fit(lambda chunk: self._decode(latents[:chunk]))

    def _decode(self, latents: Tensor) -> Tensor:
        """Pictures of a chunk; in single precision where half precision overflows, which would show as black frames."""
        pictures = self._decode_as_it_is(latents)
        if next(self.vae.parameters()).dtype == torch.float16 and not pictures.isfinite().all():
            log.warning("Half precision overflows in the decoder: it goes on in single, in twice the memory.")
            nn.Module.to(self.vae, torch.float32)
            pictures = self._decode_as_it_is(latents)
        return pictures

    def _decode_as_it_is(self, latents: Tensor) -> Tensor:
        parameter = next(self.vae.parameters())
        z = latents.to(parameter.device, parameter.dtype) / self.vae.config.scaling_factor
        return self.vae.decode(z, num_frames=len(z)).sample.float()


@torch.no_grad()
def encode_picture(vae: AutoencoderKLTemporalDecoder, picture: Tensor) -> Tensor:
    """The VAE's best latent [4, h, w] of a picture [1, 3, 8h, 8w] in -1..1, unscaled, float32."""
    parameter = next(vae.parameters())
    return vae.encode(picture.to(parameter.device, parameter.dtype)).latent_dist.mode()[0].float()
