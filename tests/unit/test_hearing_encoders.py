"""Speech encoders: any length without seams, piece by piece as all at once, aligned with the picture."""

import numpy as np
import pytest
import torch

from sonic_core.errors import AudioError, ModelMissingError
from sonic_core.hearing import encoders
from sonic_core.hearing import whisper as whisper_room
from sonic_core.hearing.any_wav2vec2 import Wav2Vec2Encoder
from sonic_core.hearing.encoders import HOP, RATE, encode, encode_stream
from sonic_core.hearing.whisper import WhisperEncoder


@pytest.fixture(scope="module")
def whisper() -> WhisperEncoder:
    torch.set_num_threads(1)
    return WhisperEncoder.load()


def babble(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise in syllables: something for every frame to say."""
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE)
    knots = rng.random(int(seconds / 0.12) + 2)
    syllables = np.interp(np.arange(count) / RATE, np.arange(len(knots)) * 0.12, knots)
    return (rng.standard_normal(count) * 0.2 * syllables**2).astype(np.float32)


@pytest.mark.parametrize("seconds", [30, 65])
def test_pieces_give_the_same_states_as_the_whole(whisper, seconds):
    waveform = babble(seconds)
    whole = encode(whisper, waveform)
    cuts = np.sort(np.random.default_rng(1).integers(0, len(waveform), 41))
    pieces = np.concatenate(list(encode_stream(whisper, np.split(waveform, cuts))))
    assert whole.shape == (seconds * 50, 5, 384)
    assert np.allclose(whole, pieces, atol=1e-3)


def test_what_comes_later_does_not_change_what_was_heard_before(whisper):
    waveform = babble(65)
    long, short = encode(whisper, waveform), encode(whisper, waveform[: 30 * RATE])
    settled = 24 * 50  # the last full block of the short one ends there
    assert np.allclose(long[:settled], short[:settled], atol=1e-3)


def test_blocks_leave_no_seam(whisper):
    states = encode(whisper, babble(45))[:, -1]
    change = np.linalg.norm(states[1:] - states[:-1], axis=1)
    stride = encoders.BLOCK - encoders.OVERLAP
    borders = [
        b + d for b in range(stride, len(change), stride) for d in (-1, 0, encoders.OVERLAP - 1, encoders.OVERLAP)
    ]
    at_borders = change[[b for b in borders if b < len(change)]]
    assert at_borders.mean() < 1.25 * change.mean()
    assert at_borders.max() < change.max() * 1.01


def test_block_features_come_close_to_those_of_the_whole_context(whisper):
    """Cross-faded blocks cut the view of the transformer; speech sounds are local enough not to mind."""
    waveform = babble(18)
    blockwise = encode(whisper, waveform)[:, 1:4]
    whisper.positions = whisper_room._sinusoids(900, 384)
    try:
        whole = whisper.states(encoders.levelled(waveform))[:, 1:4]
    finally:
        whisper.positions = whisper_room._sinusoids(encoders.BLOCK, 384)
    alike = torch.nn.functional.cosine_similarity(*(torch.from_numpy(s).flatten(1) for s in (blockwise, whole)))
    assert alike.mean() > 0.9


def test_a_state_is_centred_on_its_time(whisper):
    waveform = torch.zeros(1, 4 * RATE)
    waveform[0, 2 * RATE] = 1.0
    loudest = whisper.log_mel(waveform)[0].mean(0).topk(2).indices.float().mean()
    assert abs(loudest - 200) <= 0.5  # 10 ms frames
    assert HOP == 320


def test_whisper_equals_the_published_architecture(whisper):
    transformers = pytest.importorskip("transformers")
    config = transformers.WhisperConfig(d_model=384, encoder_layers=4, encoder_attention_heads=6, encoder_ffn_dim=1536)
    published = transformers.models.whisper.modeling_whisper.WhisperEncoder(config).eval()
    names = {
        "norm1": "self_attn_layer_norm",
        "out": "self_attn.out_proj",
        "norm2": "final_layer_norm",
        "up": "fc1",
        "down": "fc2",
    }
    weights = {}
    for key, value in whisper.state_dict().items():
        if not key.startswith("blocks"):
            weights[key.replace("norm", "layer_norm")] = value
            continue
        _, layer, part, kind = key.split(".")
        if part == "qkv":
            for projection, third in zip(("q_proj", "k_proj", "v_proj"), value.chunk(3), strict=True):
                weights[f"layers.{layer}.self_attn.{projection}.{kind}"] = third
        else:
            weights[f"layers.{layer}.{names[part]}.{kind}"] = value
    published.load_state_dict(weights, strict=False)
    waveform = torch.from_numpy(babble(30))
    mel = transformers.WhisperFeatureExtractor()(
        waveform.numpy(), sampling_rate=RATE, return_tensors="pt"
    ).input_features
    assert torch.allclose(whisper.log_mel(waveform[None]), mel, atol=1e-4)
    whisper.positions = whisper_room._sinusoids(1500, 384)
    try:
        with torch.no_grad():
            ours, theirs = whisper(waveform[None])[:, :, -1], published(mel).last_hidden_state
    finally:
        whisper.positions = whisper_room._sinusoids(encoders.BLOCK, 384)
    assert torch.allclose(ours, theirs, atol=1e-3)


def test_quiet_speech_is_heard_like_loud_speech(whisper):
    waveform = babble(4)
    assert np.allclose(encode(whisper, waveform), encode(whisper, waveform * 0.1), atol=0.05)


def test_silence_is_not_amplified_without_limit():
    hiss = np.random.default_rng(0).standard_normal(RATE).astype(np.float32) * 1e-5
    assert encoders.levelled(hiss).std() < 1e-3


def test_an_empty_recording_is_refused(whisper):
    with pytest.raises(AudioError, match="no samples"):
        encode(whisper, np.zeros(0, np.float32))


def test_missing_weights_say_where_they_were_expected(tmp_path):
    with pytest.raises(ModelMissingError, match=r"nowhere\.safetensors"):
        WhisperEncoder.load(tmp_path / "nowhere.safetensors")


@pytest.fixture(scope="module")
def wav2vec2(tmp_path_factory) -> Wav2Vec2Encoder:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("wav2vec2")
    config = transformers.Wav2Vec2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, conv_dim=(16,) * 7,
        num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    transformers.Wav2Vec2Model(config).save_pretrained(folder)
    return Wav2Vec2Encoder(folder)


@pytest.mark.parametrize("seconds", [30, 65])
def test_wav2vec2_gives_the_same_states_in_pieces(wav2vec2, seconds):
    waveform = babble(seconds)
    whole = encode(wav2vec2, waveform)
    pieces = np.concatenate(list(encode_stream(wav2vec2, np.array_split(waveform, 23))))
    assert whole.shape == (seconds * 50, 3, 32)
    assert np.allclose(whole, pieces, atol=1e-3)


def test_a_folder_without_wav2vec2_is_named(tmp_path):
    with pytest.raises(ModelMissingError, match=r"config\.json"):
        Wav2Vec2Encoder(tmp_path)
