import pytest
import torch
from sonic_samples import CONTEXT, TOKENS, UNET, seeded

from sonic_core.engines.sonic.attention import AttentionContext, mask_on_grid
from sonic_core.engines.sonic.denoiser import ALL, NOTHING, PICTURE, Conditions, SonicDenoiser, starting_latents
from sonic_core.engines.sonic.unet import SonicUNet

FRAMES, SIZE = 6, (8, 16)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def unet():
    return seeded(1, lambda: SonicUNet(**UNET))


@pytest.fixture(scope="module")
def conditions():
    mask = torch.zeros(1, 1, 64, 128)
    mask[..., 16:48, 32:96] = 1
    return Conditions(
        image_latent=random(4, *SIZE, seed=1),
        clip=random(1, CONTEXT, seed=2),
        audio=random(40, TOKENS, CONTEXT, seed=3),
        silence=random(1, TOKENS, CONTEXT, seed=4),
        buckets=random(40, 2, seed=5) * 10 + 20,
        mask=mask,
    )


@pytest.fixture(scope="module")
def x():
    return random(FRAMES, 4, *SIZE, seed=6) * 3


@torch.no_grad()
def test_branches_one_by_one_give_what_they_give_together(unet, conditions, x):
    frames = torch.arange(10, 10 + FRAMES)
    together = SonicDenoiser(unet, conditions, together=True)(x, 2.0, frames, (0, 1, 2))
    apart = SonicDenoiser(unet, conditions, together=False)(x, 2.0, frames, (0, 1, 2))
    assert all((a - b).abs().max() < 1e-5 for a, b in zip(together, apart, strict=True))


@torch.no_grad()
def test_kept_projections_do_not_leak_from_one_run_into_the_next(unet, conditions, x):
    frames = torch.arange(FRAMES)
    other = Conditions(**{**vars(conditions), "silence": conditions.silence * 2, "clip": conditions.clip * 2})
    SonicDenoiser(unet, conditions)(x, 2.0, frames, (1,))
    after = SonicDenoiser(unet, other)(x, 2.0, frames, (1,))[0]
    fresh = SonicDenoiser(seeded(1, lambda: SonicUNet(**UNET)), other)(x, 2.0, frames, (1,))[0]
    assert torch.equal(after, fresh)


@torch.no_grad()
def test_each_branch_hears_and_sees_what_it_should(unet, conditions, x):
    frames = torch.arange(FRAMES)

    def predict(branch, **changes):
        return SonicDenoiser(unet, Conditions(**{**vars(conditions), **changes}))(x, 2.0, frames, (branch,))[0]

    def depends(branch, **changes):
        return not torch.allclose(predict(branch), predict(branch, **changes), atol=1e-6)

    sound, silence = {"audio": conditions.audio * 2}, {"silence": conditions.silence * 2}
    look = {"clip": conditions.clip * 2, "image_latent": conditions.image_latent * 2}
    assert [depends(b, **sound) for b in (NOTHING, PICTURE, ALL)] == [False, False, True]
    assert [depends(b, **silence) for b in (NOTHING, PICTURE, ALL)] == [True, True, False]
    assert [depends(b, **look) for b in (NOTHING, PICTURE, ALL)] == [False, True, True]


@torch.no_grad()
def test_motion_is_the_mean_of_the_windows_buckets(unet, conditions, x):
    frames = torch.tensor([3, 4, 5, 39, 0, 1])
    denoise = SonicDenoiser(unet, conditions)
    flat = conditions.buckets[frames].mean(0).expand(40, 2)
    averaged = SonicDenoiser(unet, Conditions(**{**vars(conditions), "buckets": flat}))
    assert torch.allclose(denoise(x, 2.0, frames, (2,))[0], averaged(x, 2.0, frames, (2,))[0], atol=1e-6)


def test_a_mask_of_ones_stays_ones_on_every_grid():
    for positions in (512, 128, 32, 8):
        assert torch.allclose(mask_on_grid(torch.ones(1, 1, 128, 256), positions), torch.ones(positions), atol=1e-6)


@torch.no_grad()
def test_without_a_mask_audio_acts_everywhere(unet, conditions, x):
    frames = torch.arange(FRAMES)
    none, ones = (
        SonicDenoiser(unet, Conditions(**{**vars(conditions), "mask": mask}))(x, 2.0, frames, (2,))[0]
        for mask in (None, torch.ones(1, 1, 64, 128))
    )
    assert torch.allclose(none, ones, atol=1e-5)


@torch.no_grad()
def test_the_outermost_layers_continue_a_full_pass_exactly_at_the_same_input(unet, conditions, x):
    frames = torch.arange(FRAMES)
    denoise = SonicDenoiser(unet, conditions, keep_deep=True)
    full = denoise(x, 2.0, frames, (0, 1, 2))[2]
    assert torch.allclose(denoise.shallow(x, 2.0, frames), full, atol=1e-5)


@torch.no_grad()
def test_context_of_a_single_row_is_that_row_at_every_frame(unet, x):
    clip, audio = random(1, CONTEXT), random(1, TOKENS, CONTEXT, seed=9)
    sample, ids = torch.cat([x, x], 1)[None], torch.tensor([[12.5, 20.0, 20.0]])

    def run(clip, audio):
        return unet(sample, torch.tensor([0.5]), ids, AttentionContext([clip], [audio], None, FRAMES, SIZE))

    repeated = run(clip.repeat(FRAMES, 1), audio.repeat(FRAMES, 1, 1))
    assert torch.allclose(run(clip, audio), repeated, atol=1e-5)


def test_the_start_is_the_still_picture_under_noise():
    latent, noise = random(4, 2, 2), random(5, 4, 2, 2, seed=1)
    assert torch.allclose(
        starting_latents(latent, noise, 700.0) - noise * 700, 0.18215 * latent.expand(5, -1, -1, -1), atol=1e-3
    )


@torch.no_grad()
def test_feed_forward_in_chunks_gives_the_same_numbers(unet, conditions, x):
    frames = torch.arange(FRAMES)
    whole = SonicDenoiser(unet, conditions)(x, 2.0, frames, (2,))[0]
    unet.chunk_feed_forward(True)
    chunked = SonicDenoiser(unet, conditions)(x, 2.0, frames, (2,))[0]
    unet.chunk_feed_forward(False)
    assert torch.allclose(chunked, whole, atol=1e-6)
    assert torch.equal(SonicDenoiser(unet, conditions)(x, 2.0, frames, (2,))[0], whole)
