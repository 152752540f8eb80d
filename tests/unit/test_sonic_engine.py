import json
import shutil
from dataclasses import replace

import av
import numpy as np
import pytest
import torch
from sonic_samples import portrait, small_clip, speech, write_models

from sonic_core.audio.clip import AudioClip
from sonic_core.audio.resampling import to_mono_16k
from sonic_core.engines.sonic.attention import audio_attentions
from sonic_core.engines.sonic.audio_conditioning import condition_audio
from sonic_core.engines.sonic.engine import SonicEngine
from sonic_core.engines.sonic.unet import SonicUNet
from sonic_core.errors import AudioError, ModelMissingError, SettingsError, SonicError
from sonic_core.job import Job
from sonic_core.pipeline import Loaded, generate
from sonic_core.settings import Settings
from sonic_core.words.catalogue import translated

SETTINGS = Settings(min_resolution=256, inference_steps=2, framing="face")


@pytest.fixture(scope="module")
def engine(models):
    return SonicEngine([models], device="cpu")


@pytest.fixture(scope="module")
def conditioning(engine):
    return small_clip(engine, 0.36, SETTINGS)


@pytest.fixture(scope="module")
def latents(engine, conditioning):
    return engine.sample(conditioning, SETTINGS)


def frames_of(engine, conditioning, latents):
    return np.stack(list(engine.decode(conditioning, latents)))


def test_a_clip_has_exactly_as_many_frames_as_its_audio_lasts(engine):
    conditioning = engine.prepare(portrait(), speech(0.12), SETTINGS)
    stream = engine.decode(conditioning, engine.sample(conditioning, replace(SETTINGS, inference_steps=1)))
    frames = np.stack(list(stream))
    assert len(frames) == len(stream) == round(0.12 * 25)
    assert frames.shape[1:] == (256, 256, 3)
    assert frames.dtype == np.uint8


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seconds", [0.08, 0.1, 0.21])
def test_any_length_gives_its_own_number_of_frames(engine, seconds):
    audio = speech(seconds)
    conditioning = engine.prepare(portrait(), audio, SETTINGS)
    assert len(conditioning.features.audio.tokens) == -(-round(audio.duration * 25) // 2)
    latents = engine.sample(conditioning, Settings(min_resolution=256, inference_steps=1, framing="face"))
    assert sum(1 for _ in engine.decode(conditioning, latents)) == max(1, round(audio.duration * 25))


def test_two_passes_over_the_frames_are_the_same(engine, conditioning, latents):
    stream = engine.decode(conditioning, latents)
    assert all(np.array_equal(a, b) for a, b in zip(stream, stream, strict=True))


def test_the_same_seed_gives_the_same_latents_and_zero_is_a_seed(engine, conditioning, latents):
    again = engine.sample(conditioning, SETTINGS)
    other = engine.sample(conditioning, Settings(min_resolution=256, inference_steps=2, framing="face", seed=1))
    assert torch.equal(again.samples, latents.samples)
    assert not torch.allclose(other.samples, latents.samples)


def test_each_dial_changes_the_result(engine, conditioning, latents):
    for name in ("motion_scale", "dynamic_scale"):
        changed = Settings(min_resolution=256, inference_steps=2, framing="face", **{name: 0.2})
        assert not torch.allclose(engine.sample(conditioning, changed).samples, latents.samples)


def test_steps_and_frames_are_reported_with_a_preview(engine, conditioning):
    reports, pictures = [], []

    def progress(stage, done, total, preview=None):
        reports.append((stage, done, total))
        if preview is not None:
            pictures.append(preview())

    latents = engine.sample(conditioning, SETTINGS, progress)
    list(engine.decode(conditioning, latents, progress))
    passes = [report[1:] for report in reports if report[0] == "sampling"]
    assert list(dict.fromkeys(passes)) == [(0, 6), (3, 6), (6, 6)]  # a slow machine tells the same again
    assert any(stage == "decoding" for stage, *_ in reports)
    assert len(pictures) == 2
    assert pictures[0].shape == (8, 8, 3)


@pytest.mark.usefixtures("small")
def test_raising_from_progress_stops_sampling_between_windows(engine):
    conditioning = engine.prepare(portrait(), speech(3.0), SETTINGS)
    calls = []

    def cancel(stage, done, total, preview=None):
        calls.append(done)
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.sample(conditioning, SETTINGS, cancel)
    assert calls == [0] * (len(calls) - 1) + [3]  # of two windows, before the second


class StoppedHereError(Exception):
    pass


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("stage", ["portrait", "audio", "sampling", "decoding"])
def test_raising_from_progress_stops_every_stage_in_the_middle_of_a_network(engine, stage, monkeypatch):
    monkeypatch.setattr("sonic_core.progress.Heartbeat.__call__", lambda self: self.report())
    told = []

    def progress(name, done, total, preview=None):
        told.append(name)
        if told.count(stage) == 20:
            raise StoppedHereError

    def clip():
        conditioning = engine.prepare(portrait(), speech(0.1), SETTINGS, progress)
        latents = engine.sample(conditioning, SETTINGS, progress)
        list(engine.decode(conditioning, latents, progress))

    with pytest.raises(StoppedHereError):
        clip()
    assert told.count(stage) == 20  # far fewer than its layers, and nothing after it
    assert told[-1] == stage
    hooked = [module for net in (engine.model.unet, engine.model.vae, engine.model.clip) for module in net.modules()]
    assert not any(module._forward_pre_hooks for module in hooked)


@pytest.mark.parametrize("preset", ["balanced", "fast", "preview"])
def test_presets_run_and_say_how_many_steps(models, conditioning, preset):
    engine = SonicEngine([models], device="cpu", preset=preset)
    latents = engine.sample(conditioning, Settings(min_resolution=256, inference_steps=6, framing="face"))
    assert torch.isfinite(latents.samples).all()
    asked = Settings(min_resolution=256, inference_steps=25, framing="face")
    notes = engine.prepare(portrait(), speech(0.1), asked).notes
    steps = {"balanced": None, "fast": 16, "preview": 9}[preset]
    assert any(f"runs {steps} of the 25 steps" in note for note in notes) == (steps is not None)


@pytest.mark.parametrize("compiles", [True, False])
def test_the_first_clip_has_room_for_every_shape_that_is_compiled(models, conditioning, monkeypatch, compiles):
    def room(unet, compiled):
        raise InterruptedError(compiled)

    monkeypatch.setattr(SonicUNet, "room_for_every_shape", room)
    with pytest.raises(InterruptedError, match=str(compiles)):
        SonicEngine([models], device="cpu", compile=compiles).sample(conditioning, SETTINGS)


def test_the_audio_scale_of_a_checkpoint_is_what_the_user_scales(models, tmp_path):
    shutil.copytree(models, tmp_path / "models")
    config = tmp_path / "models" / "sonic" / "config.json"
    config.write_text(json.dumps({"unet": {**json.loads(config.read_text())["unet"], "audio_scale": 0.5}}))
    unet = SonicEngine([tmp_path / "models"], device="cpu").model.unet
    for asked, scale in ((1.0, 0.5), (3.0, 1.5)):
        unet.weigh_audio(asked)
        assert {processor.scale for _, processor in audio_attentions(unet)} == {scale}


def test_silence_gets_the_tokens_of_silence_and_speech_its_own(engine):
    rate = 16_000
    loud = speech(1.0).mono()
    samples = np.concatenate([loud, np.zeros(rate, np.float32), loud])[None]
    audio = AudioClip(samples, speech(1.0).rate, "pause")
    features = engine.prepare(portrait(), audio, SETTINGS).features
    tokens, silence = features.audio.tokens, features.audio.silence
    heard = condition_audio(engine.model, to_mono_16k(audio), len(tokens), features.clip).tokens
    distance = (tokens - silence).abs().amax(dim=(1, 2))
    middle = len(distance) // 2
    assert distance[middle] == 0
    own = (tokens == heard).all(dim=2).all(dim=1)
    assert own[: middle // 2].any()
    assert own[-middle // 2 :].any()
    assert (distance[own] > 0).all()


def test_reference_mode_works_as_the_published_code_does(models):
    engine = SonicEngine([models], device="cpu", reference=True)
    audio = speech(0.3)
    conditioning = engine.prepare(portrait(), audio, SETTINGS)
    assert len(conditioning.features.audio.tokens) == int(0.3 * 16000) // 640 // 2
    audio, clip = conditioning.audio, conditioning.features.clip
    tokens = conditioning.features.audio.tokens
    assert torch.equal(tokens, condition_audio(engine.model, to_mono_16k(audio), len(tokens), clip, True).tokens)
    assert len(next(iter(engine.windows(9, 1)))) == 25


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("reference", [False, True])
def test_frames_are_brought_to_the_pictures_own_size_on_request(models, reference):
    whole = portrait()
    settings = replace(SETTINGS, framing="full", aspect="picture")
    engine = SonicEngine([models], device="cpu", reference=reference, keep_resolution=True)
    conditioning = engine.prepare(whole, speech(0.1), settings)
    (first, *_) = engine.decode(conditioning, engine.sample(conditioning, settings))
    own = whole.height // 2 * 2, whole.width // 2 * 2
    assert first.shape[:2] == own
    assert engine.frame_size(whole, settings) == own[::-1]
    without = SonicEngine([models], device="cpu", reference=reference)
    assert without.frame_size(whole, settings) != own[::-1]
    face = replace(SETTINGS, framing="face")
    assert engine.frame_size(whole, face) > without.frame_size(whole, face)  # the crop is larger in the picture


def test_a_mask_of_the_users_takes_the_place_of_the_face_box(engine):
    mask = np.zeros(portrait().image.shape[:2], np.uint8)
    mask[: mask.shape[0] // 2] = 255
    full = Settings(min_resolution=256, inference_steps=2)
    used = engine.prepare(portrait(), speech(0.1), full, mask=mask).features.mask
    assert used[0, 0, :120].min() == 1
    assert used[0, 0, 136:].max() == 0
    face = engine.prepare(portrait(), speech(0.1), full).features.mask
    assert 0.02 < face.mean() < 0.5


def test_paste_back_returns_whole_pictures(engine):
    settings = Settings(min_resolution=256, inference_steps=1, framing="paste_back")
    conditioning = engine.prepare(portrait(), speech(0.1), settings)
    frame = next(iter(engine.decode(conditioning, engine.sample(conditioning, settings))))
    assert frame.shape == conditioning.paste.image.shape
    x0, y0, x1, y1 = conditioning.paste.box
    assert np.array_equal(frame[:, :x0], conditioning.paste.image[:, :x0])
    assert not np.array_equal(frame[y0:y1, x0:x1], conditioning.paste.image[y0:y1, x0:x1])


@pytest.mark.usefixtures("small")
def test_a_wav2vec2_checkpoint_runs_from_picture_to_frames(tmp_path):
    write_models(tmp_path, wav2vec2=True)
    engine = SonicEngine([tmp_path], device="cpu")
    conditioning = engine.prepare(portrait(), speech(0.2), SETTINGS)
    frames = frames_of(engine, conditioning, engine.sample(conditioning, SETTINGS))
    assert len(frames) == 5
    assert torch.isfinite(conditioning.features.audio.tokens).all()


def test_audio_shorter_than_a_key_frame_is_an_error(engine):
    with pytest.raises(AudioError, match="at least 80 ms"):
        engine.prepare(portrait(), AudioClip(np.zeros((1, 1000), np.float32), 16_000, "blip.wav"), SETTINGS)


def test_unknown_presets_and_precisions_are_errors(models):
    with pytest.raises(SettingsError, match="preset is 'turbo'"):
        SonicEngine([models], preset="turbo")
    with pytest.raises(SettingsError, match="precision is 'fp64'"):
        SonicEngine([models], device="cpu", precision="fp64")


def test_absent_weights_are_an_error_before_anything_runs(tmp_path):
    with pytest.raises(ModelMissingError, match="5 file"):
        SonicEngine([tmp_path], device="cpu")


def test_the_estimate_is_text_with_passes_work_and_memory(engine, conditioning):
    text = engine.estimate(conditioning, SETTINGS).described(1e12)
    assert "5 key frames, 2 steps, 6 UNet passes" in text
    assert "GiB" in text


def test_a_broken_sidecar_is_named(models, tmp_path):
    write_models(tmp_path)
    (tmp_path / "sonic" / "config.json").write_text("{")
    with pytest.raises(ModelMissingError, match="cannot be read as JSON"):
        SonicEngine([tmp_path], device="cpu")
    (tmp_path / "sonic" / "config.json").write_text(json.dumps([1]))
    with pytest.raises(ModelMissingError, match="JSON object"):
        SonicEngine([tmp_path], device="cpu")


@pytest.mark.usefixtures("small")
def test_half_precision_runs_with_latents_in_single(models):
    engine = SonicEngine([models], device="cpu", precision="bf16")
    assert engine.model.unet.dtype == torch.bfloat16
    conditioning = engine.prepare(portrait(), speech(0.1), SETTINGS)
    latents = engine.sample(conditioning, SETTINGS)
    assert latents.samples.dtype == torch.float32
    assert torch.isfinite(latents.samples).all()
    assert len(list(engine.decode(conditioning, latents))) == 2


@pytest.mark.usefixtures("small")
def test_numbers_that_overflow_stop_the_sampling_in_the_first_window(models):
    engine, seen = SonicEngine([models], device="cpu"), []
    engine.model.unet.conv_in.weight.data.fill_(3e38)
    conditioning = engine.prepare(portrait(), speech(0.1), SETTINGS)
    with pytest.raises(SonicError, match="Choose precision bf16 or fp32"):
        engine.sample(conditioning, SETTINGS, lambda *report: seen.append(report))
    assert {report[:3] for report in seen} == {("sampling", 0, 6)}


@pytest.mark.usefixtures("small")
def test_a_video_is_as_long_as_its_recording(engine, tmp_path):
    audio = speech(0.37)
    made = generate(Job(None, None, tmp_path / "clip.mp4", SETTINGS, "sonic"), Loaded(engine, portrait(), audio))
    with av.open(str(made.path)) as video:
        frames = sum(1 for _ in video.decode(video=0))
    assert frames == made.frames == round(0.37 * 25)
    assert abs(made.duration - audio.duration) <= 0.5 / 25


@pytest.mark.usefixtures("small")
def test_settings_that_do_nothing_here_are_told(engine, tmp_path):
    def made(name, **changed):
        settings = Settings(min_resolution=256, inference_steps=2, framing="face", **changed)
        job = Job(None, None, tmp_path / name, settings, "sonic")
        return generate(job, Loaded(engine, portrait(), speech(0.1))).warnings

    (told,) = made("a.mp4", emotion="happy", loopable=True)
    assert told == "Without effect in the sonic engine: emotion, loopable. Leave it out, or choose another engine."
    assert translated(told, "zh").startswith("在 sonic 引擎中不起作用：")
    assert made("b.mp4") == ()
