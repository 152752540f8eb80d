"""No seam where pieces meet: audio states at 30 s, frames at the edges of decoded chunks, middle frames between key frames."""

import numpy as np
import pytest
import torch
from sonic_samples import CONTEXT, TOKENS, networks, portrait

from sonic_core.diffusion.guidance import three_branch
from sonic_core.diffusion.sampler import sample_euler
from sonic_core.diffusion.schedule import karras_sigmas
from sonic_core.diffusion.windows import OpenWindows
from sonic_core.engines.sonic.audio_encoder import WhisperStates, independent_chunks, overlapping_chunks
from sonic_core.engines.sonic.decoding import ChunkedDecoder
from sonic_core.engines.sonic.denoiser import Conditions, SonicDenoiser
from sonic_core.engines.sonic.interpolation import doubled, flow_between

POSITIONS_PER_SECOND = 50


def noise_wave(seconds, seed=0):
    """Noise whose loudness wanders, so that states differ from place to place."""
    random = np.random.RandomState(seed)
    loudness = np.interp(np.arange(seconds * 16_000), np.arange(0, seconds * 16_000, 1600), random.rand(seconds * 10))
    return (random.randn(seconds * 16_000) * loudness * 0.2).astype(np.float32)


@pytest.fixture(scope="module")
def whisper():
    return WhisperStates.around(networks()["whisper"])


def test_up_to_thirty_seconds_overlapping_chunks_are_the_published_ones(whisper):
    wave = noise_wave(12)
    args = whisper, wave, 12 * POSITIONS_PER_SECOND
    assert torch.equal(overlapping_chunks(*args), independent_chunks(*args))


def test_a_clip_of_65_seconds_has_no_seam_at_30_and_60(whisper):
    """The encoder is made to tell its own place in the chunk, which is what a seam consists of."""

    def telling_its_place(wave):
        return torch.linspace(-1, 1, 1500).view(1500, 1, 1)

    def largest_step(states, second):
        place = second * POSITIONS_PER_SECOND
        return states[place - 25 : place + 25].diff(dim=0).abs().max()

    wave, positions = np.zeros(65 * 16_000, np.float32), 65 * POSITIONS_PER_SECOND
    seams = independent_chunks(telling_its_place, wave, positions)
    smooth = overlapping_chunks(telling_its_place, wave, positions)
    assert len(smooth) == positions
    for second in (30, 60):
        assert largest_step(seams, second) == pytest.approx(2.0)
        assert largest_step(smooth, second) < 0.02
    assert smooth.diff(dim=0).abs().max() < 0.02


def test_real_states_change_no_more_at_chunk_borders_than_elsewhere(whisper):
    wave = noise_wave(65)
    steps = overlapping_chunks(whisper, wave, 65 * POSITIONS_PER_SECOND).diff(dim=0).flatten(1).norm(dim=1)
    for second in (25, 30, 50, 55, 60):
        place = second * POSITIONS_PER_SECOND
        assert steps[place - 3 : place + 3].max() <= steps.quantile(0.999)


def latent_step(chunks, second):
    """How far latents move at that second of a clip of 65 s whose encoder tells its place in the chunk, in large steps elsewhere.

    Noise and picture stand still.  Twenty seconds around it are sampled.
    """

    def telling_its_place(wave):
        return torch.linspace(-1, 1, 1500).view(1500, 1, 1)

    states = chunks(telling_its_place, np.zeros(65 * 16_000, np.float32), 65 * POSITIONS_PER_SECOND)
    middle = round(second * 12.5)
    places = states[::4].expand(-1, TOKENS, CONTEXT)[middle - 125 : middle + 126]
    torch.manual_seed(0)
    conditions = Conditions(
        torch.randn(4, 8, 8), torch.randn(1, CONTEXT), places * torch.randn(TOKENS, CONTEXT), torch.randn(1, TOKENS, CONTEXT),
        torch.full((len(places), 2), 20.0), None,
    )  # fmt: skip
    x = torch.randn(1, 4, 8, 8).repeat(len(places), 1, 1, 1) * 700
    denoise = three_branch(SonicDenoiser(networks()["unet"], conditions), 1.0, 1.0)
    latents = sample_euler(denoise, x, karras_sigmas(2), OpenWindows(25, overlap=8))
    steps = latents.diff(dim=0).abs().flatten(1).mean(1)
    return (steps[122:128].max() / steps.quantile(0.95)).item()


@pytest.mark.parametrize("second", [30, 60])
def test_latents_of_a_clip_of_65_seconds_have_no_seam(second):
    assert latent_step(independent_chunks, second) > 1.4
    assert latent_step(overlapping_chunks, second) <= 1.1


@pytest.mark.parametrize("length", [1, 5, 8, 9, 13, 21, 40])
@pytest.mark.parametrize("layout", [(8, 3), (8, 0), (4, 1), (2, 1), (1, 0), (1, 3)])
def test_every_frame_is_decoded_once_and_in_order(length, layout):
    decoder = ChunkedDecoder(PlaceTeller(), *layout)
    frames = torch.stack(list(decoder(torch.arange(length).view(-1, 1, 1, 1).float())))
    assert frames.flatten().tolist() == pytest.approx(list(range(length)), abs=1e-4)
    assert max(end - start for start, end, _ in decoder.spans(length)) <= max(1, layout[0])


class PlaceTeller(torch.nn.Module):
    """A VAE that decodes a latent to itself, plus an error that goes from -error at the chunk's start to error at its end."""

    def __init__(self, error=0.0):
        super().__init__()
        self.weight, self.error = torch.nn.Parameter(torch.zeros(1)), error
        self.config = type("Config", (), {"scaling_factor": 1.0})

    def decode(self, z, num_frames):
        drift = torch.linspace(-self.error, self.error, num_frames).view(-1, 1, 1, 1)
        return type("Output", (), {"sample": z + drift})


def luma_steps(frames):
    return frames.flatten(1).mean(1).diff().abs()


def test_blended_chunks_do_not_strobe_and_plain_ones_do():
    latents = torch.arange(60).view(-1, 1, 1, 1).float() * 0.1

    def worst_to_median(overlap):
        steps = luma_steps(torch.stack(list(ChunkedDecoder(PlaceTeller(-0.05), 8, overlap)(latents))))
        return (steps.max() / steps.median()).item()

    assert worst_to_median(0) > 1.8
    assert worst_to_median(3) <= 1.5


@torch.no_grad()
def test_luma_steps_of_a_real_decoder_at_chunk_edges_are_ordinary():
    vae = networks()["vae"]
    generator = torch.Generator().manual_seed(0)
    key = torch.randn(5, 4, 8, 8, generator=generator)
    weights = torch.linspace(0, 3.999, 33)
    latents = torch.stack([key[int(w)].lerp(key[int(w) + 1], w % 1) for w in weights])
    decoder = ChunkedDecoder(vae, 8, 3)
    frames = torch.stack(list(decoder(latents)))
    steps = frames.diff(dim=0).abs().flatten(1).mean(1)
    edges = [start for start, _, _ in decoder.spans(len(latents))][1:]
    assert max(steps[edge - 1] for edge in edges) <= 1.5 * steps.median()


def panned(x):
    """A part of the bundled picture, seen by a camera that moves to the right."""
    image = torch.from_numpy(portrait().image[100:292, 100 + x : 292 + x].copy())
    return image.permute(2, 0, 1).float() / 255


def test_a_doubled_stream_is_exactly_as_long_as_asked():
    key_frames = [torch.full((3, 16, 16), i / 5) for i in range(5)]
    for length in (1, 2, 8, 9, 10, 12):
        made = [frame.mean().item() for frame in doubled(key_frames, None, length)]
        assert made == pytest.approx([min(i / 10, 0.8) for i in range(length)], abs=1e-5)


def test_key_frames_are_asked_for_one_at_a_time():
    asked = []

    def key_frames():
        for i in range(100):
            asked.append(i)
            yield torch.full((3, 16, 16), i / 100)

    stream = doubled(key_frames(), None, 199)
    next(stream), next(stream)
    assert asked == [0, 1]


def test_optical_flow_moves_things_halfway():
    first, second = panned(0), panned(8)
    middle, truth = flow_between(first, second)(0.5), panned(4)
    error = (middle - truth).abs().mean()
    assert error < 0.25 * ((first + second) / 2 - truth).abs().mean()
    assert middle.min() >= 0
    assert middle.max() <= 1
