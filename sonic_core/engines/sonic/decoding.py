"""The decoder: latents to key frames through SVD's temporal VAE, a few frames at a time."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import pairwise

import torch
from diffusers import AutoencoderKLTemporalDecoder
from diffusers.models.resnet import SpatioTemporalResBlock
from torch import Tensor, nn

from ...progress import Progress, ignore
from ...runtime.stopping import StopSign, stoppable

log = logging.getLogger(__name__)

LOOK_S = 0.2  # between two looks at a chunk that is in work elsewhere
Span = tuple[int, int, int]
ChunkDecode = Callable[[Tensor], Tensor]
"""decode(latents [K, 4, h, w]) -> pictures of all, or of the first few where the memory was not enough for all at once."""


class ChunkedDecoder:
    """Decodes a clip chunk by chunk; memory depends on the chunk, not on the clip.

    chunk: frames decoded at once.  overlap: frames at a seam that both neighbours decode and that are blended from one to the other;
    0 gives the seams of the published code, where the temporal decoder sees only its own chunk.
    decode: a `ChunkDecode` for each device, which decode chunks side by side; none = the VAE's own, where it is.
    look: called again and again while other threads decode, may raise to stop.  stopping: shown to them then.
    """

    def __init__(
        self,
        vae: AutoencoderKLTemporalDecoder,
        chunk: int = 8,
        overlap: int = 3,
        decode: Sequence[ChunkDecode] = (),
        look: Callable[[], None] = lambda: None,
        stopping: StopSign | None = None,
    ) -> None:
        self.decode: Sequence[ChunkDecode] = decode or (VaeDecode(vae),)
        self.chunk, self.overlap, self.look, self.stopping = chunk, overlap, look, stopping or StopSign()

    def __call__(self, latents: Tensor, progress: Progress = ignore) -> Iterator[Tensor]:
        """latents [N, 4, h, w] -> N pictures [3, 8h, 8w], float32, about -1..1."""
        tail: Tensor | None = None
        for (start, end, emitted), frames in self._chunks(latents, progress):
            if tail is not None:
                tail = tail.to(frames.device)
                shared = min(len(tail), len(frames))
                rising = torch.arange(1, shared + 1, device=frames.device).view(-1, 1, 1, 1) / (len(tail) + 1)
                frames[:shared] = tail[:shared] + (frames[:shared] - tail[:shared]) * rising
            yield from frames[: emitted - start]
            tail = frames[emitted - start :] if emitted < end else None
        progress("decoding", len(latents), len(latents))

    def spans(self, length: int, chunk: int | None = None) -> list[Span]:
        """First frame, end, and end of what is final once it is decoded, for every chunk."""
        chunk = max(1, chunk or self.chunk)
        overlap = min(self.overlap, chunk - 1)
        if not overlap:
            return [(i, min(i + chunk, length), min(i + chunk, length)) for i in range(0, length, chunk)]
        chunks = max(1, -(-(length - overlap) // (chunk - overlap)))
        starts = [round(i * (length - chunk) / max(chunks - 1, 1)) for i in range(chunks)] if length > chunk else [0]
        ends = [min(start + chunk, length) for start in starts]
        return [(start, end, final) for (start, final), end in zip(pairwise([*starts, length]), ends, strict=True)]

    def _chunks(self, latents: Tensor, progress: Progress) -> Iterator[tuple[Span, Tensor]]:
        """Every chunk with its frames, in order; what is left is shared out anew when a smaller chunk was all that fitted."""
        spans, begun = self.spans(len(latents)), deque[tuple[Span, "_Work"]]()
        with _Lanes(self.decode, self.look, self.stopping) as lanes:
            while spans or begun:
                while spans and len(begun) < len(self.decode):
                    start, end, final = spans.pop(0)
                    begun.append(((start, end, final), lanes.begin(latents[start:end])))
                (start, end, final), work = begun.popleft()
                progress("decoding", start, len(latents))
                frames = work()
                if len(frames) < end - start:
                    lanes.forget(begun)
                    left = self.spans(len(latents) - start, len(frames))
                    (_, end, final), *spans = [(start + a, start + b, start + c) for a, b, c in left]
                yield (start, end, final), frames


_Work = Callable[[], Tensor]


class _Lanes:
    """Chunks dealt to devices in turn; with one device each is decoded when it is asked for, otherwise in a thread of its device."""

    def __init__(self, decode: Sequence[ChunkDecode], look: Callable[[], None], stopping: StopSign) -> None:
        self.decode, self.look, self.stopping = decode, look, stopping
        self.turn = 0

    def __enter__(self) -> _Lanes:
        count = len(self.decode) if len(self.decode) > 1 else 0
        self.threads = [ThreadPoolExecutor(1, thread_name_prefix="sonic-decoder") for _ in range(count)]
        return self

    def __exit__(self, *exception: object) -> None:
        self.stopping.show()  # nobody waits for what is still in work
        for thread in self.threads:
            thread.shutdown(wait=True, cancel_futures=True)

    def begin(self, latents: Tensor) -> _Work:
        lane = self.turn % len(self.decode)
        self.turn += 1
        if not self.threads:
            return lambda: self.decode[lane](latents)
        future = self.threads[lane].submit(self.decode[lane], latents)

        def result() -> Tensor:
            while not wait([future], LOOK_S).done:
                self.look()
            return future.result()

        return result

    def forget(self, begun: deque[tuple[Span, _Work]]) -> None:
        """Wait for chunks that are not wanted any more."""
        while begun and self.threads:
            begun.popleft()[1]()
        begun.clear()


@dataclass(frozen=True)
class VaeDecode:
    """The `ChunkDecode` of a VAE as a whole, wherever it is.  look: called again and again during it; may raise to stop it."""

    vae: AutoencoderKLTemporalDecoder
    look: Callable[[], None] | None = None

    @torch.no_grad()
    def __call__(self, latents: Tensor) -> Tensor:
        """Pictures of a chunk; in single precision where half precision overflows, which would show as black frames."""
        pictures = self._as_it_is(latents)
        if next(self.vae.parameters()).dtype == torch.float16 and not pictures.isfinite().all():
            log.warning("Half precision overflows in the decoder: it goes on in single, in twice the memory.")
            nn.Module.to(self.vae, torch.float32)
            pictures = self._as_it_is(latents)
        return pictures

    def _as_it_is(self, latents: Tensor) -> Tensor:
        parameter = next(self.vae.parameters())
        z = latents.to(parameter.device, parameter.dtype) / self.vae.config.scaling_factor
        blocks = [part for part in self.vae.modules() if isinstance(part, SpatioTemporalResBlock)]
        with stoppable(self.vae, self.look, blocks):
            return self.vae.decode(z, num_frames=len(z)).sample.float()


@torch.no_grad()
def encode_picture(vae: AutoencoderKLTemporalDecoder, picture: Tensor) -> Tensor:
    """The VAE's best latent [4, h, w] of a picture [1, 3, 8h, 8w] in -1..1, unscaled, float32."""
    parameter = next(vae.parameters())
    return vae.encode(picture.to(parameter.device, parameter.dtype)).latent_dist.mode()[0].float()
