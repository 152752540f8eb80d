"""Several devices: windows of a step and chunks of the decoder side by side, with the numbers of one device."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from sonic_samples import TWO_STEPS, networks, short_windows

from sonic_core import cli
from sonic_core.engines.sonic import window_work
from sonic_core.engines.sonic.decoding import ChunkedDecoder, VaeDecode
from sonic_core.engines.sonic.engine import SonicEngine
from sonic_core.engines.sonic.estimating import Mode
from sonic_core.engines.sonic.planning import GIB
from sonic_core.engines.sonic.unet import SonicUNet
from sonic_core.errors import SettingsError, SonicError
from sonic_core.runtime.stopping import StoppedError, StopSign


@pytest.fixture(autouse=True)
def windows_of_five(monkeypatch):
    short_windows(monkeypatch)


class Passes:
    """How many passes each UNet ran, and how many ran at the same time at most."""

    def __init__(self, monkeypatch):
        self.by_unet, self.now, self.most, self.lock = {}, 0, 0, threading.Lock()
        forward = SonicUNet.forward

        def counted(unet, *args, **options):
            with self.lock:
                self.by_unet[id(unet)] = self.by_unet.get(id(unet), 0) + 1
                self.now += 1
                self.most = max(self.most, self.now)
            try:
                return forward(unet, *args, **options)
            finally:
                with self.lock:
                    self.now -= 1

        monkeypatch.setattr(SonicUNet, "forward", counted)


@pytest.mark.parametrize("options", [{"preset": "exact"}, {"preset": "fast"}, {"circular_windows": True}])
def test_several_devices_give_the_latents_of_one(models, three_windows, options, monkeypatch):
    settings = replace(TWO_STEPS, inference_steps=6 if "preset" in options and options["preset"] == "fast" else 2)
    alone = SonicEngine([models], device="cpu", **options).sample(three_windows, settings)
    passes = Passes(monkeypatch)
    several = SonicEngine([models], devices="cpu,cpu,cpu", **options)
    shared = several.sample(three_windows, settings)
    assert torch.allclose(shared.samples, alone.samples, atol=1e-5)
    assert len(passes.by_unet) == 3  # a UNet for each device
    assert passes.most > 1
    assert max(passes.by_unet.values()) <= 0.6 * sum(passes.by_unet.values())


def test_several_devices_give_the_frames_of_one(models, three_windows):
    one, several = SonicEngine([models], device="cpu"), SonicEngine([models], devices="cpu,cpu,cpu")
    latents = one.sample(three_windows, replace(TWO_STEPS, inference_steps=1))
    alone, shared = (np.stack(list(engine.decode(three_windows, latents))).astype(int) for engine in (one, several))
    assert np.abs(shared - alone).max() <= 1


def test_windows_that_are_left_over_go_to_the_first_devices(models, three_windows):
    reports = []
    engine = SonicEngine([models], devices="cpu,cpu")
    engine.sample(three_windows, TWO_STEPS, lambda stage, done, total, preview=None: reports.append((done, total)))
    total = reports[0][1]
    assert reports[-1] == (total, total)
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)


def test_chunks_of_the_decoder_are_decoded_side_by_side_and_come_in_order():
    vaes = [networks()["vae"] for _ in range(2)]
    latents = torch.randn(18, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    both, order = threading.Barrier(2, timeout=60), []

    def on(lane):
        def decode(part):
            order.append(lane)
            if len(order) <= 2:
                both.wait()  # passes only where two are at work at once
            return VaeDecode(vaes[lane])(part)

        return decode

    whole = torch.stack(list(ChunkedDecoder(vaes[0], 8, 3)(latents)))
    shared = torch.stack(list(ChunkedDecoder(vaes[0], 8, 3, [on(0), on(1)])(latents)))
    assert torch.allclose(whole, shared, atol=1e-5)
    assert abs(order.count(0) - order.count(1)) <= 1


def test_a_device_that_runs_out_of_memory_decodes_smaller_chunks_beside_the_other():
    vaes = [networks()["vae"] for _ in range(2)]
    latents = torch.randn(18, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    lanes = [VaeDecode(vaes[0]), lambda part: VaeDecode(vaes[1])(part[:4])]
    made = torch.stack(list(ChunkedDecoder(vaes[0], 8, 3, lanes)(latents)))
    alone = torch.stack(list(ChunkedDecoder(vaes[0], 8, 3)(latents)))
    assert made.shape == alone.shape
    steps = [(frames[1:] - frames[:-1]).abs().mean(dim=(1, 2, 3)) for frames in (alone, made)]
    assert steps[1].max() < 1.5 * steps[0].max()


def test_an_error_on_one_device_ends_the_others_and_is_told(models, three_windows, monkeypatch):
    engine = SonicEngine([models], devices="cpu,cpu")
    engine.networks.models[1].unet.conv_in.weight.data.fill_(3e38)
    with pytest.raises(SonicError, match="overflow"):
        engine.sample(three_windows, TWO_STEPS)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sonic-lane")]


def test_cancelling_stops_every_device_within_a_layer(models, three_windows, monkeypatch):
    monkeypatch.setattr(window_work, "LOOK_S", 0.01)
    engine, begun = SonicEngine([models], devices="cpu,cpu"), threading.Event()
    stopped = []
    look = StopSign.look

    def watched(sign):
        begun.set()
        try:
            look(sign)
        except StoppedError:
            stopped.append(threading.current_thread().name)
            raise

    class CancelledError(Exception):
        pass

    def endless(unet, *args, **options):  # a pass that only ends when it is stopped
        for block in list(unet.children()) * 10**6:
            for hook in block._forward_pre_hooks.values():
                hook(block, ())

    def progress(stage, done, total, preview=None):
        if begun.is_set():
            raise CancelledError

    monkeypatch.setattr(StopSign, "look", watched)
    monkeypatch.setattr(SonicUNet, "forward", endless)
    monkeypatch.setattr("sonic_core.progress.Heartbeat.__call__", lambda self: self.report())
    with pytest.raises(CancelledError):
        engine.sample(three_windows, TWO_STEPS, progress)
    assert len(stopped) == 2


def test_a_clip_is_counted_as_shared(models):
    mode = [Mode.of(device="cpu"), Mode.of(devices="cpu,cpu")]
    plan = mode[0].plan(SonicEngine([models], device="cpu").sizes, (64, 64), 1e12)
    one, two = (its.estimate(125, (64, 64), 25, plan) for its in mode)
    assert one.flops == two.flops
    assert 0.5 <= two.seconds(1e12) / one.seconds(1e12) < 0.6


def test_devices_of_one_memory_share_it(models, monkeypatch):
    monkeypatch.setattr("sonic_core.engines.sonic.networks_on_devices.free_memory", lambda device: 8.0 * GIB)
    one, two = SonicEngine([models], device="cpu"), SonicEngine([models], devices="cpu,cpu")
    assert two.networks.free(two.device) < 0.6 * one.networks.free(one.device)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"devices": "cpu,abacus"}, "abacus"),
        ({"devices": "cpu,cpu", "device": "cpu"}, "give one of them"),
        ({"devices": " , "}, "give one of them"),
        ({"devices": "cpu,meta"}, "one kind"),
    ],
)
def test_devices_that_cannot_work_together_are_refused(options, words):
    with pytest.raises(SettingsError, match=words):
        Mode.of(**options)


def test_the_command_line_takes_them_and_a_batch_keeps_its_own(models, tmp_path, capsys):
    inputs = ["--image", "a.png", "--audio", "a.wav", "--output", str(tmp_path / "a.mp4"), "--engine", "sonic"]
    assert cli.main(["generate", *inputs, "--devices", "cpu,abacus", "--models-folder", str(models)]) == 2
    assert "abacus" in capsys.readouterr().err
    table = tmp_path / "jobs.jsonl"
    table.write_text("{}\n")
    assert cli.main(["batch", str(table), "--output", str(tmp_path), "--devices", "cuda:0", "--ray"]) == 2
    assert "--gpus-per-worker" in capsys.readouterr().err
