"""`bench --engine sonic`: a card's table, and the presets beside the reference, on tiny random networks."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny
from test_cli_sonic import written

from sonic_core import cli
from sonic_core.bench.quality import compare, likeness, psnr, ssim
from sonic_core.bench.quality_page import write_page
from sonic_core.digits import three_digits
from sonic_core.engines.sonic import card as card_module
from sonic_core.engines.sonic.card import measure_card, preset_seconds
from sonic_core.engines.sonic.card_table import Card, CardRow
from sonic_core.engines.sonic.estimating import Mode
from sonic_core.engines.sonic.loading import load_sonic
from sonic_core.engines.sonic.planning import Place
from sonic_core.engines.sonic.presets import PRESETS
from sonic_core.engines.sonic.unet import SonicUNet
from sonic_core.engines.sonic.work_count import SHALLOW_SHARE
from sonic_core.errors import SettingsError
from sonic_core.frames import FrameStream
from sonic_core.settings import Settings


@pytest.fixture(autouse=True)
def few_tokens(monkeypatch):
    monkeypatch.setattr(card_module, "TOKENS", 4)


@pytest.fixture
def quick(monkeypatch):
    """Windows of 5 key frames, each timed once more than once."""
    monkeypatch.setattr(card_module, "WINDOW", 5)
    monkeypatch.setattr(card_module, "REPEATS", 1)


@pytest.fixture
def work_as_time(monkeypatch):
    """Passes take as long as their linear layers and convolutions give numbers, a million a second: no busy machine changes that."""
    given = 0

    def count(module, inputs, output):
        nonlocal given
        if isinstance(module, torch.nn.Linear | torch.nn.modules.conv._ConvNd):
            given += output.numel()

    @torch.no_grad()
    def once(work, device):
        before = given
        work()
        return (given - before) / 1e6

    hook = torch.nn.modules.module.register_module_forward_hook(count)
    monkeypatch.setattr(card_module, "_once", once)
    yield
    hook.remove()


@pytest.mark.usefixtures("quick", "work_as_time")
def test_parts_are_timed_with_the_users_weights(models):
    card = measure_card({"folders": (models,), "device": "cpu"}, sizes=(64, 128))
    assert (card.random, card.faults) == (False, [])
    assert [row.side for row in card.rows] == [64, 128]
    for row in card.rows:
        assert row.measured
        assert min(row.full, row.shallow, row.decode, row.planned) > 0
        assert row.shallow < row.full
        assert set(row.presets) == set(PRESETS)
        assert row.presets["exact"] > row.presets["balanced"] > row.presets["preview"]
    assert card.rows[1].full > card.rows[0].full


def test_the_card_that_is_timed_is_waited_for(monkeypatch):
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device=None: waited.append(device))
    card_module._wait(torch.device("cuda:1"))
    assert waited == [torch.device("cuda:1")]


@pytest.mark.usefixtures("quick")
def test_a_size_that_does_not_fit_after_all_leaves_the_others(models, monkeypatch):
    timed = card_module._timed

    def short_of_memory(engine, side):
        if side == 128:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return timed(engine, side)

    monkeypatch.setattr(card_module, "_timed", short_of_memory)
    card = measure_card({"folders": (models,), "device": "cpu"}, sizes=(64, 128))
    assert [row.side for row in card.rows] == [64]
    assert card.faults == ["128 px: CUDA out of memory"]


@pytest.mark.usefixtures("quick")
def test_without_weights_random_ones_are_timed(models, tmp_path):
    card = measure_card(
        {"folders": (tmp_path,), "device": "cpu"}, sizes=(64,), random=lambda mode: load_sonic([models])
    )
    assert card.random
    assert card.rows[0].measured
    assert "random weights" in "\n".join(card.lines({"cores": "2"}))


def test_what_there_is_no_time_for_is_counted_and_marked(models, tmp_path, monkeypatch):
    card = measure_card({"folders": (models,), "device": "cpu"}, sizes=(64, 128), seconds=0.0)
    assert not any(row.measured for row in card.rows)
    lines = card.lines({})
    assert "| 64 | ~" in "\n".join(lines)
    monkeypatch.setattr(
        card_module, "sustained_rate", lambda device, dtype: 1e9
    )  # far too slow for the published networks
    counted = measure_card({"folders": (tmp_path,), "device": "cpu"}, sizes=(512,))
    assert "everything is counted" in counted.faults[0]
    assert counted.rows[0].full == pytest.approx(31.7e12 / 1e9, rel=0.02)


def test_seconds_of_a_preset_follow_from_its_passes():
    exact = preset_seconds(PRESETS["exact"], 1.0, SHALLOW_SHARE, 0.0)
    assert exact == pytest.approx(
        3 * 25 * (10 + 1 - 1 / 25) / 20, rel=0.05
    )  # ten windows of 2 s, nearly always one more
    assert preset_seconds(PRESETS["exact"], 1.0, SHALLOW_SHARE, 0.1) - exact == pytest.approx(1.25)
    quick, slow = (preset_seconds(PRESETS["preview"], 1.0, shallow, 0.0) for shallow in (0.1, 0.5))
    assert quick < slow


@pytest.mark.usefixtures("quick")
def test_windows_together_and_the_small_decoder_are_timed_where_they_are(models, tmp_path, monkeypatch):
    monkeypatch.setattr(Mode, "place", property(lambda self: Place(4, True, False, windows=self.windows_together)))
    batches, forward = set(), SonicUNet.forward

    def seen(unet, sample, *args):
        batches.add(len(sample))
        return forward(unet, sample, *args)

    monkeypatch.setattr(SonicUNet, "forward", seen)
    model = replace(load_sonic([models]), small_decoder=AutoencoderTiny(decoder_block_out_channels=(8,) * 4).decoder)
    options = {"folders": (tmp_path,), "device": "cpu", "windows_together": 2}
    (row,) = measure_card(options, sizes=(64,), random=lambda mode: model).rows
    assert batches == {6}  # three branches of two windows
    assert row.plan.startswith("2 windows together")
    vae_decodes = preset_seconds(PRESETS["preview"], row.full, row.shallow, row.decode)
    assert row.presets["preview"] < vae_decodes
    assert row.presets["fast"] == preset_seconds(PRESETS["fast"], row.full, row.shallow, row.decode)


def test_a_table_is_read_without_powers_of_ten():
    row = CardRow(512, "a plan", 5.3, None, 48_712.3, 0.25, 1.2e-5, {"exact": 48_712.3})
    (line,) = (line for line in Card("cpu", "fp32", False, True, [row], []).lines({}) if line.startswith("| 512"))
    assert line.split(" | ")[1:5] == ["48,712", "48,712", "0.25", "0.000012"]
    assert [three_digits(value) for value in (99.96, 48.72, 9.999, 1.0, 0.0)] == ["100", "48.7", "10", "1", "0"]


@pytest.mark.usefixtures("quick")
def test_the_command_prints_a_table_to_paste(models, monkeypatch, capsys):
    monkeypatch.setattr(card_module, "SIZES", (64,))
    monkeypatch.setattr(
        card_module.measure_card, "__defaults__", (*card_module.measure_card.__defaults__[:1], (64,), 60.0, None)
    )
    assert cli.main(["bench", "--engine", "sonic", "--models-folder", str(models), "--device", "cpu", "--json"]) == 0
    said = capsys.readouterr()
    report = json.loads(said.out)
    assert report["kind"] == "sonic-portrait card"
    assert report["rows"][0]["measured"]
    assert "| 64 | " in said.err
    assert cli.main(["bench", "--engine", "sonic", "--compare", "a.json"]) == 2


@pytest.mark.usefixtures("small")
def test_every_preset_is_compared_with_the_reference(models, tmp_path):
    recording = written(0.12, tmp_path)  # no face is found in noise, which takes half a second a frame
    settings = Settings(min_resolution=256, inference_steps=2, framing="face")
    made = compare(
        "sonic", {"folders": (models,), "device": "cpu"}, tmp_path / "out", settings=settings, recording=recording
    )
    assert [clip.name for clip in made.clips] == ["reference", *PRESETS]
    first, *others = made.clips
    assert (first.ssim, first.psnr) == (pytest.approx(1), 99)
    assert all(clip.ssim < 1 and clip.psnr < 99 for clip in others)
    page = write_page(made, tmp_path / "out" / "index.html").read_text()
    for clip in made.clips:
        assert (tmp_path / "out" / clip.file).stat().st_size > 1000
        assert f'src="{clip.file}"' in page
    json.dumps(made.as_json(), allow_nan=False)
    assert len(made.lines()) == 6
    with pytest.raises(SettingsError, match="Leave it out"):
        compare("sonic", {"preset": "fast"}, tmp_path / "out")


def test_only_engines_with_a_reference_are_compared(tmp_path, capsys):
    assert cli.main(["bench", "--quality", str(tmp_path / "out")]) == 2
    assert "has none" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_likeness_falls_with_noise_and_is_1_for_the_same():
    rng = np.random.default_rng(0)
    frames = np.kron(rng.integers(40, 216, (3, 8, 8, 3)), np.ones((1, 8, 8, 1))).astype(np.uint8)

    def noisy(strength):
        return np.clip(frames + rng.normal(0, strength, frames.shape), 0, 255).astype(np.uint8)

    near, far = (likeness(*(FrameStream.from_array(f, 25) for f in (frames, noisy(s)))) for s in (2, 20))
    assert 1 > near[0] > far[0] > 0
    assert near[1] == pytest.approx(20 * np.log10(255 / 2), abs=1)
    assert far[1] == pytest.approx(20 * np.log10(255 / 20), abs=1)
    assert ssim(frames[0], frames[0]) == pytest.approx(1)
    assert psnr(frames[0], frames[0]) == 99
