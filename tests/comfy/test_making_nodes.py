"""The nodes that make, check and mend frames, and all of them in one; cancelled as well."""

import json

import av
import numpy as np
import pytest
import torch
from node_results import FRAMES, RATE, errors, video

# Inference and decoding


def test_the_same_seed_gives_the_same_latent_and_another_seed_another(execute, model, predata, latent):
    again = execute("SonicInference", model=model, predata=predata, seed=7).args[0]
    other = execute("SonicInference", model=model, predata=predata, seed=8).args[0]
    assert torch.equal(again["samples"], latent["samples"])
    assert not torch.equal(other["samples"], latent["samples"])


def test_latent_carries_samples_fps_and_engine(latent):
    assert latent["samples"].shape[0] == FRAMES
    assert (latent["fps"], latent["engine"]) == (25.0, "lite")


def test_a_vae_that_gets_motion_is_told_where_it_belongs(latent):
    samples = latent["samples"]
    with pytest.raises(IndexError, match=r"Connect it to Latent Decode \(Sonic\)"):
        samples.shape[2] * samples.shape[3]  # the first thing that a VAE computes


def test_decode_refuses_a_latent_of_another_node(execute, pack, model, predata):
    with pytest.raises(errors(pack).SettingsError, match="comes from another node"):
        execute("SonicLatentDecode", model=model, predata=predata, latent={"samples": torch.zeros(1, 4, 8, 8)})


def test_decode_gives_float_images_of_the_framed_size_and_the_sound_of_the_clip(decoded):
    images, fps, audio = decoded
    assert images.shape == (FRAMES, 256, 256, 3)
    assert images.dtype == torch.float32
    assert images.min() >= 0
    assert images.max() <= 1
    assert fps == 25.0
    assert audio["waveform"].shape[-1] == 2 * RATE


def test_decoded_frames_move(decoded):
    images = decoded[0]
    assert (images[1:] - images[:-1]).abs().mean() > 1e-4


# Post


def test_align_finds_the_sound_that_was_moved_and_moves_it_back(execute, folders, sentence):
    images, fps, sound = sentence
    late = torch.nn.functional.pad(sound["waveform"], (round(0.15 * RATE), 0))[..., : sound["waveform"].shape[-1]]
    _, moved, offset, chart, report = execute(
        "SonicLipSyncAlign", images=images, audio={"waveform": late, "sample_rate": RATE}, fps=fps
    ).args
    assert offset == pytest.approx(150, abs=20)
    assert abs(moved["waveform"].shape[-1] - late.shape[-1]) <= 0.02 * RATE  # half a frame
    assert chart.shape[0] == 1
    assert "moved the sound" in report


def test_align_leaves_what_the_engine_made_as_it_is(execute, folders, sentence):
    images, fps, audio = sentence
    same_images, same_audio, offset, _, report = execute("SonicLipSyncAlign", images=images, audio=audio, fps=fps).args
    assert same_images is images
    assert same_audio is audio
    assert abs(offset) <= 20
    assert report.startswith("Nothing changed: sound")


def test_align_can_measure_without_touching_anything(execute, decoded):
    images, fps, audio = decoded
    same_images, same_audio, *_ = execute(
        "SonicLipSyncAlign", images=images, audio=audio, fps=fps, method="measure_only"
    ).args
    assert same_images is images
    assert same_audio is audio


def test_smoothing_calms_noise_and_strength_0_is_off(execute):
    generator = torch.Generator().manual_seed(1)
    noisy = (0.5 + 0.01 * torch.randn(12, 64, 64, 3, generator=generator)).clamp(0, 1)
    smooth = execute("SonicTemporalSmooth", images=noisy, method="ema", strength=1.0).args[0]
    assert smooth.shape == noisy.shape
    assert smooth.diff(dim=0).abs().mean() < 0.5 * noisy.diff(dim=0).abs().mean()
    assert execute("SonicTemporalSmooth", images=noisy, method="ema", strength=0.0).args[0] is noisy


# Generate


def test_generate_makes_what_the_chain_makes(execute, model, picture, sound, decoded):
    node = execute(
        "SonicGenerate",
        model=model,
        image=picture,
        audio=sound,
        seed=7,
        min_resolution=256,
        filename_prefix="one",
        crf=0,
    )
    made = video(node.args[1])
    assert made.frames == FRAMES
    with av.open(node.args[1]) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    chain = decoded[0].mul(255).round().numpy()
    assert (
        np.abs(np.stack(frames) - chain).mean() < 2.5
    )  # what 4:2:0 colour costs, 1.6, and PyAV before 17, which rounds more coarsely, 2.3
    assert json.loads(made.tags["settings"])


def test_generate_holds_no_frames(execute, pack, model, picture, sound, monkeypatch):
    """The frames reach the encoder one at a time: none is drawn before the one before it is in the file."""
    drawn, written, ahead = [0], [0], [0]
    pipeline = pack.part("sonic_core.pipeline")
    decode, write = type(model).decode, pipeline.write_video

    def counted(self, *inputs):
        from dataclasses import replace

        frames = decode(self, *inputs)

        def start():
            for frame in frames:
                drawn[0] += 1
                ahead[0] = max(ahead[0], drawn[0] - written[0])
                yield frame

        return replace(frames, start=start)

    def watched(frames, audio, path, encoding, metadata, overwrite, progress, **others):
        def report(stage, done, total, preview=None):
            if stage == "encoding":
                written[0] = done
            progress(stage, done, total, preview)

        return write(frames, audio, path, encoding, metadata, overwrite, report, **others)

    monkeypatch.setattr(type(model), "decode", counted)
    monkeypatch.setattr(pipeline, "write_video", watched)
    execute("SonicGenerate", model=model, image=picture, audio=sound, min_resolution=256)
    assert drawn[0] == FRAMES
    assert ahead[0] == 1


# Cancel


@pytest.mark.parametrize(
    "node", ["SonicPreData", "SonicInference", "SonicLatentDecode", "SonicVideoCombine", "SonicGenerate"]
)
def test_cancel_stops_every_node_and_leaves_no_file(
    execute, folders, model, picture, sound, predata, latent, decoded, node
):
    import comfy.model_management as host

    inputs = {
        "SonicPreData": {"model": model, "image": picture, "audio": sound},
        "SonicInference": {"model": model, "predata": predata},
        "SonicLatentDecode": {"model": model, "predata": predata, "latent": latent},
        "SonicVideoCombine": {"images": decoded[0], "fps": 25.0, "filename_prefix": "clip"},
        "SonicGenerate": {"model": model, "image": picture, "audio": sound, "min_resolution": 256},
    }[node]
    host.interrupt_current_processing()
    with pytest.raises(host.InterruptProcessingException):
        execute(node, **inputs)
    assert not list((folders / "output").rglob("*.*"))
    assert execute(node, **inputs).args
