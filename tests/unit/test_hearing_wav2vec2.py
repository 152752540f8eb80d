"""The package's Wav2Vec2: what transformers makes of the same folder, what Whisper hears, chosen by name."""

import json
import wave
from pathlib import Path

import numpy as np
import pytest
import torch

from sonic_core import cli
from sonic_core.engines.lite.engine import LiteEngine
from sonic_core.engines.registry import load_engine
from sonic_core.errors import ModelMissingError, SettingsError
from sonic_core.hearing import encoders
from sonic_core.hearing.any_wav2vec2 import Wav2Vec2Encoder
from sonic_core.hearing.encoder_choice import DEFAULT_ENCODER, ENCODERS, WEIGHTS, load_encoder
from sonic_core.hearing.encoders import RATE, encode, encode_stream, levelled
from sonic_core.hearing.wav2vec2 import BundledWav2Vec2
from sonic_core.hearing.whisper import WhisperEncoder
from training import train_wav2vec2, wav2vec2_design

SPEECH = Path(encoders.__file__).parents[1] / "samples" / "speech.wav"


@pytest.fixture(scope="module")
def wav2vec2() -> BundledWav2Vec2:
    torch.set_num_threads(1)
    return BundledWav2Vec2.load()


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    with wave.open(str(SPEECH), "rb") as file:
        rate, channels = file.getframerate(), file.getnchannels()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
    mono = samples.reshape(-1, channels).mean(1)
    seconds = np.arange(int(len(mono) / rate * RATE)) / RATE
    return np.interp(seconds, np.arange(len(mono)) / rate, mono).astype(np.float32)


@pytest.mark.parametrize("samples", [320, 16_000, 64_000, 160_000])
def test_transformers_gives_the_same_states_from_the_same_folder(wav2vec2, speech, samples):
    pytest.importorskip("transformers")
    waveform = levelled(np.resize(speech, samples))
    published = Wav2Vec2Encoder(WEIGHTS / "wav2vec2")
    published.model.double()  # in single precision the constant of 256 inside this model costs three digits
    theirs = published(torch.from_numpy(waveform).double()[None])[0].detach().numpy()
    difference = np.abs(wav2vec2.states(waveform) - theirs)
    assert difference.mean() < 1e-5
    assert difference[:, :-1].max() < 5e-4  # the last layer norm magnifies what is nearly constant


def test_it_hears_speech_like_whisper(wav2vec2, speech):
    ours, theirs = (torch.from_numpy(encode(e, speech)) for e in (wav2vec2, WhisperEncoder.load()))
    assert ours.shape == theirs.shape
    error = train_wav2vec2.relative_errors(ours[None], theirs[None])
    assert error.max() < 0.15


@pytest.mark.parametrize("seconds", [30, 65])
def test_pieces_give_the_same_states_as_the_whole(wav2vec2, speech, seconds):
    waveform = np.resize(speech, seconds * RATE)
    whole = encode(wav2vec2, waveform)
    pieces = np.concatenate(list(encode_stream(wav2vec2, np.array_split(waveform, 23))))
    assert whole.shape == (seconds * 50, 5, 384)
    assert np.allclose(whole, pieces, atol=1e-3)


def test_silence_before_speech_does_not_change_how_it_is_heard(wav2vec2, speech):
    """Group norm in the first layer spans the whole block; it must not act as an automatic gain."""
    level = wav2vec2._projected(wav2vec2._convolved(torch.from_numpy(speech[None, :32_000])))
    padded = torch.cat([torch.zeros(96_000), torch.from_numpy(speech[:32_000])])
    after = wav2vec2._projected(wav2vec2._convolved(padded[None]))[:, -level.shape[1] :]
    change = (after - level)[:, 5:-5].square().mean() / level.var()
    assert change < 0.01


def test_the_position_embedding_is_whispers():
    transformers = pytest.importorskip("transformers")
    model = transformers.Wav2Vec2Model(wav2vec2_design.config(layers=1))
    whisper = WhisperEncoder.load()
    with torch.no_grad():
        wav2vec2_design._positions(model.encoder.pos_conv_embed.conv, whisper)
        constant = torch.full((1, 500, 384), -wav2vec2_design.CONSTANT)
        positions = constant + model.encoder.pos_conv_embed(constant)
    assert torch.allclose(positions[0], whisper.positions, atol=2e-3)


def test_an_exported_folder_keeps_what_float16_cannot_hold(tmp_path):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    model = transformers.Wav2Vec2Model(
        transformers.Wav2Vec2Config(
            hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, conv_dim=(16,) * 7,
            num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=2, do_stable_layer_norm=True,
        )
    )  # fmt: skip
    exact = torch.full((32,), 256 + 1 / 64)
    model.encoder.pos_conv_embed.conv.bias.data.copy_(exact)
    train_wav2vec2.export(model, tmp_path, {"seed": 0})
    assert torch.equal(Wav2Vec2Encoder(tmp_path).model.encoder.pos_conv_embed.conv.bias, exact)
    assert json.loads((tmp_path / "preprocessor_config.json").read_text())["do_normalize"] is False


def test_training_leaves_filters_and_positions_alone():
    transformers = pytest.importorskip("transformers")
    model = transformers.Wav2Vec2Model(wav2vec2_design.config(layers=1))
    train_wav2vec2.groups(model, 1e-5, 1e-5)
    learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert not any(fixed in name for fixed in train_wav2vec2.FIXED for name in learning)
    assert any("conv_layers.3." in name for name in learning)
    assert any("layers.0.attention" in name for name in learning)


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_is_chosen_by_name(name):
    waveform = np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    expected = {"wav2vec2": BundledWav2Vec2, "whisper": WhisperEncoder}[name].load().states(waveform[:7680])
    assert np.array_equal(load_encoder(name).states(waveform[:7680]), expected)
    assert load_engine("lite", encoder=name).motion.encoder.name == name


def test_the_engine_listens_with_the_default():
    assert LiteEngine().motion.encoder.name.startswith(DEFAULT_ENCODER)


def test_an_unknown_encoder_is_refused():
    with pytest.raises(SettingsError, match="wav2vec2, whisper"):
        load_encoder("ear")


def test_missing_files_are_named(tmp_path):
    with pytest.raises(ModelMissingError, match=r"config\.json and .*model\.safetensors"):
        BundledWav2Vec2.load(tmp_path)


def test_another_wav2vec2_is_sent_to_transformers(tmp_path):
    (tmp_path / "config.json").write_text('{"do_stable_layer_norm": false, "feat_extract_norm": "group"}')
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelMissingError, match="Wav2Vec2Encoder"):
        BundledWav2Vec2.load(tmp_path)


def test_motion_with_either_encoder_moves_the_jaw_alike(tmp_path):
    curves = {}
    for name in ENCODERS:
        output = tmp_path / f"{name}.json"
        arguments = ["--audio", str(SPEECH), "--output", str(output), "--encoder", name, "--quiet"]
        assert cli.main(["motion", *arguments, "--inference-steps", "10"]) == 0
        curves[name] = np.array(json.loads(output.read_text())["open"])
    assert np.corrcoef(*curves.values())[0, 1] > 0.9


def test_an_encoder_for_another_engine_is_refused(tmp_path, capsys):
    arguments = ["--image", "a.png", "--audio", str(SPEECH), "--output", str(tmp_path / "a.mp4")]
    assert cli.main(["generate", *arguments, "--engine", "sonic", "--encoder", "whisper"]) == 2
    assert "encoder" in capsys.readouterr().err
