"""TAESD in the place of the VAE's decoder: where the user has its file, for previews and for the preset `preview`."""

import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny
from live_bytes import LiveBytes
from safetensors.torch import save_file
from sonic_samples import portrait, speech, write_models
from torch.utils.flop_counter import FlopCounterMode

from sonic_core.engines.sonic.checking import faults_of_files
from sonic_core.engines.sonic.decoding import VaeDecode
from sonic_core.engines.sonic.engine import SonicEngine
from sonic_core.engines.sonic.files import SONIC_FILES
from sonic_core.engines.sonic.planning import DECODE_BYTES, SMALL_DECODE_BYTES
from sonic_core.engines.sonic.small_decoder import SmallDecode, build_small_decoder
from sonic_core.engines.sonic.work_count import decode_flops, small_decode_flops
from sonic_core.errors import ModelMissingError
from sonic_core.models.missing import missing_downloads
from sonic_core.settings import Settings

WIDTH = 8
SETTINGS = Settings(min_resolution=256, inference_steps=3, framing="face")


def tiny():
    torch.manual_seed(0)
    return AutoencoderTiny(encoder_block_out_channels=(WIDTH,) * 4, decoder_block_out_channels=(WIDTH,) * 4).eval()


def as_taesd(autoencoder):
    """The decoder's weights under the names of TAESD's own file, whose first layer, without weights, limits the latents."""
    named = autoencoder.decoder.layers.state_dict()
    return {f"{int(n) + 1}.{rest}": value for key, value in named.items() for n, _, rest in [key.partition(".")]}


@pytest.fixture(scope="module")
def with_taesd(tmp_path_factory):
    """A models folder with TAESD in it; `models` has none."""
    folder = tmp_path_factory.mktemp("models")
    write_models(folder)
    (folder / "vae_approx").mkdir()
    save_file(as_taesd(tiny()), folder / "vae_approx" / "taesd_decoder.safetensors")
    return folder


@pytest.mark.parametrize("names", [as_taesd, lambda autoencoder: autoencoder.state_dict()])
@torch.no_grad()
def test_both_kinds_of_files_give_the_decoder_that_diffusers_has(names):
    autoencoder, latents = tiny(), torch.randn(3, 4, 8, 8) * 4
    decoded = SmallDecode(build_small_decoder(names(autoencoder)))(latents)
    assert decoded.shape == (3, 3, 64, 64)
    assert torch.allclose(decoded, autoencoder.decode(latents).sample, atol=1e-6)


def test_the_preset_preview_is_decoded_by_it_and_says_so(with_taesd, monkeypatch):
    def never(*args):
        raise AssertionError("the VAE decodes")

    engine = SonicEngine([with_taesd], device="cpu", preset="preview")
    conditioning = engine.prepare(portrait(), speech(0.2), SETTINGS)
    assert any("small decoder" in note for note in conditioning.notes)
    monkeypatch.setattr(VaeDecode, "__call__", never)
    latents = engine.sample(conditioning, SETTINGS)
    frames = list(engine.decode(conditioning, latents))
    assert len(frames) == 5
    whole = SonicEngine([with_taesd], device="cpu")
    with pytest.raises(AssertionError, match="the VAE decodes"):
        list(whole.decode(conditioning, latents))


def test_previews_are_drawn_by_it_at_full_size_and_change_no_latents(with_taesd, models):
    def run(engine):
        pictures = []
        conditioning = engine.prepare(portrait(), speech(0.2), SETTINGS)
        latents = engine.sample(
            conditioning, SETTINGS, lambda *report, preview=None: pictures.append(shown(report, preview))
        )
        return latents.samples, [picture for picture in pictures if picture is not None]

    def shown(report, preview):
        preview = preview or (report[3] if len(report) > 3 else None)
        return preview() if preview else None

    with_it, pictures = run(SonicEngine([with_taesd], device="cpu"))
    without, rough = run(SonicEngine([models], device="cpu"))
    assert torch.equal(with_it, without)
    assert (pictures[0].shape, rough[0].shape) == ((256, 256, 3), (32, 32, 3))
    assert pictures[0].dtype == np.uint8


def test_it_makes_latents_of_no_other_origin(with_taesd, models):
    assert SonicEngine([with_taesd], device="cpu").identity == SonicEngine([models], device="cpu").identity


def test_nothing_is_fetched_for_it_and_a_broken_one_is_told(with_taesd, tmp_path):
    assert "small_decoder" not in {
        item.file.key for item in missing_downloads(SONIC_FILES, [tmp_path], tmp_path.joinpath)
    }
    assert faults_of_files([with_taesd]) == {}
    (tmp_path / "vae_approx").mkdir()
    save_file({"1.weight": torch.zeros(8, 4, 3, 3)}, tmp_path / "vae_approx" / "taesd_decoder.safetensors")
    assert set(faults_of_files([tmp_path])) == {"small_decoder"}
    with pytest.raises(ModelMissingError):
        build_small_decoder({"a": torch.zeros(3)})


@pytest.mark.parametrize("side", [64, 128])
def test_its_work_and_memory_are_counted_as_they_are_and_little(side):
    with torch.device("meta"):
        decoder = AutoencoderTiny().decoder.half()
        with FlopCounterMode(display=False) as counter, LiveBytes(decoder) as live:
            SmallDecode(decoder)(torch.empty(2, 4, side, side))
    positions = side**2
    assert counter.get_total_flops() / 2 == pytest.approx(small_decode_flops(positions), rel=0.01)
    assert small_decode_flops(positions) < 0.06 * decode_flops(positions)
    assert live.peak / 2 == pytest.approx(64 * positions * SMALL_DECODE_BYTES, rel=0.1)
    assert SMALL_DECODE_BYTES < 0.2 * DECODE_BYTES


def test_the_estimate_of_preview_counts_it_where_it_is_and_no_other_preset_does(with_taesd, models):
    figures = {}
    for preset in ("preview", "fast"):
        for folder in (with_taesd, models):
            engine = SonicEngine([folder], device="cpu", preset=preset)
            loaded = engine.expected_cost(portrait(), speech(2.0), SETTINGS)
            options = {"folders": (folder,), "device": "cpu", "preset": preset}
            unloaded = SonicEngine.cost_without_weights(options, portrait(), speech(2.0), SETTINGS)
            assert loaded.work.decoding == unloaded.work.decoding
            assert loaded.work.plan.decoding == pytest.approx(unloaded.work.plan.decoding, rel=0.5)
            figures[preset, folder] = loaded.work
    with_it, without = figures["preview", with_taesd], figures["preview", models]
    assert with_it.decoding == pytest.approx(0.049 * without.decoding, rel=0.1)  # at 256 px
    assert with_it.plan.decoding < without.plan.decoding
    assert with_it.sampling == without.sampling
    assert "decoded at once by the small decoder" in with_it.described()
    assert "small decoder" not in without.described()
    assert figures["fast", with_taesd].decoding == figures["fast", models].decoding


@pytest.mark.parametrize(
    ("place", "broken"),
    [
        ("vae_approx/taesd_decoder.safetensors", b"no tensors"),
        ("vae_approx/taesd_decoder.pth", b""),
        ("sonic/RIFE/flownet.pkl", b"no network"),
    ],
)
def test_a_broken_optional_file_is_told_and_done_without(tmp_path, place, broken):
    write_models(tmp_path)
    file = tmp_path / place
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(broken)
    engine = SonicEngine([tmp_path], device="cpu", preset="preview")
    (warning,) = engine.prepare(portrait(), speech(0.2), SETTINGS).warnings
    assert warning.startswith("An optional file cannot be used, and the clip is made without it. ")
    assert str(file) in warning
    assert not any("small decoder" in note for note in engine.prepare(portrait(), speech(0.2), SETTINGS).notes)
    assert not engine.sizes.small_decoder
    options = {"folders": (tmp_path,), "device": "cpu", "preset": "preview"}
    assert SonicEngine.cost_without_weights(options, portrait(), speech(0.2), SETTINGS).work.flops > 0
    (tmp_path / "sonic" / "unet.pth").unlink()
    with pytest.raises(ModelMissingError, match="1 file\\(s\\) missing, 1 unusable") as told:
        SonicEngine([tmp_path], device="cpu")
    assert str(file) in str(told.value)
