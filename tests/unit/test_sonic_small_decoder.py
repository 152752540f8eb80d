"""TAESD in the place of the VAE's decoder: where the user has its file, for previews and for the preset `preview`."""

import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny
from safetensors.torch import save_file
from sonic_samples import portrait, speech, write_models
from torch.utils.flop_counter import FlopCounterMode

from sonic_core.engines.sonic.checking import faults_of_files
from sonic_core.engines.sonic.decoding import VaeDecode
from sonic_core.engines.sonic.engine import SonicEngine
from sonic_core.engines.sonic.files import SONIC_FILES
from sonic_core.engines.sonic.planning import decode_flops
from sonic_core.engines.sonic.small_decoder import SmallDecode, build_small_decoder
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
def models(tmp_path_factory):
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


def test_the_preset_preview_is_decoded_by_it_and_says_so(models, monkeypatch):
    def never(*args):
        raise AssertionError("the VAE decodes")

    engine = SonicEngine([models], device="cpu", preset="preview")
    conditioning = engine.prepare(portrait(), speech(0.2), SETTINGS)
    assert any("small decoder" in note for note in conditioning.notes)
    monkeypatch.setattr(VaeDecode, "__call__", never)
    latents = engine.sample(conditioning, SETTINGS)
    frames = list(engine.decode(conditioning, latents))
    assert len(frames) == 5
    whole = SonicEngine([models], device="cpu")
    with pytest.raises(AssertionError, match="the VAE decodes"):
        list(whole.decode(conditioning, latents))


def test_previews_are_drawn_by_it_at_full_size_and_change_no_latents(models, tmp_path):
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

    with_it, pictures = run(SonicEngine([models], device="cpu"))
    write_models(tmp_path)
    without, rough = run(SonicEngine([tmp_path], device="cpu"))
    assert torch.equal(with_it, without)
    assert (pictures[0].shape, rough[0].shape) == ((256, 256, 3), (32, 32, 3))
    assert pictures[0].dtype == np.uint8


def test_it_makes_latents_of_no_other_origin(models, tmp_path):
    write_models(tmp_path)
    assert SonicEngine([models], device="cpu").identity == SonicEngine([tmp_path], device="cpu").identity


def test_nothing_is_fetched_for_it_and_a_broken_one_is_told(models, tmp_path):
    assert "small_decoder" not in {
        item.file.key for item in missing_downloads(SONIC_FILES, [tmp_path], tmp_path.joinpath)
    }
    assert faults_of_files([models]) == {}
    (tmp_path / "vae_approx").mkdir()
    save_file({"1.weight": torch.zeros(8, 4, 3, 3)}, tmp_path / "vae_approx" / "taesd_decoder.safetensors")
    assert set(faults_of_files([tmp_path])) == {"small_decoder"}
    with pytest.raises(ModelMissingError):
        build_small_decoder({"a": torch.zeros(3)})


def test_its_work_is_a_few_hundredths_of_the_vaes():
    with torch.device("meta"):
        decoder = AutoencoderTiny().decoder
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            decoder(torch.empty(1, 4, 64, 64))
    assert counter.get_total_flops() < 0.06 * decode_flops(64 * 64)
