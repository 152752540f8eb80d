"""Compiled blocks: every shape is compiled, none falls back in silence, and the numbers stay.  Captured only, not turned into kernels."""

import torch
from sonic_samples import CONTEXT, TOKENS, UNET, seeded

from sonic_core.engines.sonic.denoiser import Conditions, SonicDenoiser
from sonic_core.engines.sonic.unet import SonicUNet


@torch.no_grad()
def test_every_shape_of_a_block_is_compiled_and_computes_the_same(monkeypatch):
    torch._dynamo.reset()
    compile_module = torch.nn.Module.compile
    monkeypatch.setattr(
        torch.nn.Module, "compile", lambda self, **options: compile_module(self, **{**options, "backend": "eager"})
    )
    unet = seeded(1, lambda: SonicUNet(**UNET))
    conditions = Conditions(
        torch.randn(4, 8, 8), torch.randn(1, CONTEXT), torch.randn(12, TOKENS, CONTEXT), torch.randn(1, TOKENS, CONTEXT),
        torch.full((12, 2), 20.0), torch.ones(1, 1, 64, 64),
    )  # fmt: skip
    x = torch.randn(6, 4, 8, 8)

    def predictions():
        denoiser = SonicDenoiser(unet, conditions, together=False)
        return [denoiser(x, sigma, torch.arange(6) + i, (0, 1, 2)) for i, sigma in enumerate((3.0, 1.0))]

    expected = predictions()
    unet.compile_blocks()
    # torch 2.6 has no such setting; there the number of graphs below tells alone.
    told = {name: True for name in ("fail_on_recompile_limit_hit",) if hasattr(torch._dynamo.config, name)}
    with torch._dynamo.config.patch(told), unet.room_for_every_shape():
        compiled = predictions()
        before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
        again = predictions()
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == before > 8
    for one, two, three in zip(expected, compiled, again, strict=True):
        for a, b, c in zip(one, two, three, strict=True):
            assert torch.allclose(a, b, atol=1e-5)
            assert torch.equal(b, c)
    torch._dynamo.reset()
