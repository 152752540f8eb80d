"""Tiny seeded Sonic networks, written as the files that users have: the real structure at a thousandth of the size."""

import json
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from diffusers import AutoencoderKLTemporalDecoder
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection, Wav2Vec2Config, Wav2Vec2Model, WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

import sonic_core
from sonic_core.audio.clip import AudioClip
from sonic_core.audio.loading import load_audio
from sonic_core.between.rife import IFNet
from sonic_core.engines.sonic import estimating, picture
from sonic_core.engines.sonic.audio_nets import AudioToBucket, AudioToToken
from sonic_core.engines.sonic.unet import SonicUNet
from sonic_core.portrait.analysis import load_portrait
from sonic_core.settings import Settings

CONTEXT, TOKENS = 32, 4
UNET = {
    "block_out_channels": (32, 32, 64, 64),
    "num_attention_heads": (2, 2, 4, 4),
    "layers_per_block": 1,
    "cross_attention_dim": CONTEXT,
    "addition_time_embed_dim": 32,
    "projection_class_embeddings_input_dim": 96,
}
VAE = {"block_out_channels": (32, 32, 32, 32), "down_block_types": ("DownEncoderBlock2D",) * 4, "layers_per_block": 1}
CLIP = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "patch_size": 32,
    "projection_dim": CONTEXT,
    "hidden_act": "gelu",
}
WHISPER = {"d_model": 32, "encoder_layers": 2, "encoder_attention_heads": 4, "encoder_ffn_dim": 64}
WAV2VEC2 = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "conv_dim": (24,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}
SAMPLES = Path(sonic_core.__file__).parent / "samples"
TWO_STEPS = Settings(min_resolution=256, inference_steps=2, framing="face")


def seeded(seed, make):
    torch.manual_seed(seed)
    return make().eval()


def weights(module):
    return {key: value.contiguous() for key, value in module.state_dict().items()}


def networks(states=3, width=32):
    """The tiny networks; `states` and `width` are those of the speech encoder."""
    return {
        "unet": seeded(1, lambda: SonicUNet(**UNET)),
        "vae": seeded(2, lambda: AutoencoderKLTemporalDecoder(**VAE)),
        "clip": seeded(3, lambda: CLIPVisionModelWithProjection(CLIPVisionConfig(**CLIP))),
        "audio2token": seeded(4, lambda: AudioToToken(10 * states * width, 24, TOKENS, CONTEXT)),
        "audio2bucket": seeded(5, lambda: AudioToBucket(50 * width + CONTEXT, 24)),
        "whisper": seeded(6, lambda: WhisperEncoder(WhisperConfig(**WHISPER))),
        "ifnet": seeded(7, lambda: IFNet(8)),
    }


def write_models(folder, wav2vec2=False):
    """Write the tiny networks into a models folder as published: .pth, .pkl, a diffusers folder and a transformers folder."""
    shutil.copytree(_written(wav2vec2).name, folder, dirs_exist_ok=True)


@cache
def _written(wav2vec2):
    """The files, made once; the folder goes with the process."""
    made = TemporaryDirectory()
    folder = Path(made.name)
    nets = networks(3, WAV2VEC2["hidden_size"]) if wav2vec2 else networks()
    sonic, svd = folder / "sonic", folder / "diffusers" / "stable-video-diffusion-img2vid-xt"
    for part in (sonic / "RIFE", svd / "vae", svd / "image_encoder"):
        part.mkdir(parents=True)
    for key in ("unet", "audio2token", "audio2bucket"):
        torch.save(weights(nets[key]), sonic / f"{key}.pth")
    (sonic / "config.json").write_text(json.dumps({"unet": {"num_attention_heads": UNET["num_attention_heads"]}}))
    torch.save({f"module.{k}": v for k, v in weights(nets["ifnet"]).items()}, sonic / "RIFE" / "flownet.pkl")
    save_file(weights(nets["vae"]), svd / "vae" / "diffusion_pytorch_model.safetensors")
    (svd / "vae" / "config.json").write_text(json.dumps(VAE))
    save_file(weights(nets["clip"]), svd / "image_encoder" / "model.safetensors")
    (svd / "image_encoder" / "config.json").write_text(json.dumps(CLIP))
    if wav2vec2:
        seeded(8, lambda: Wav2Vec2Model(Wav2Vec2Config(**WAV2VEC2))).save_pretrained(sonic / "wav2vec2")
    else:
        (sonic / "whisper-tiny").mkdir()
        encoder = {f"model.encoder.{k}": v for k, v in weights(nets["whisper"]).items()}
        save_file(encoder, sonic / "whisper-tiny" / "model.safetensors")
        (sonic / "whisper-tiny" / "config.json").write_text(json.dumps({"model_type": "whisper", **WHISPER}))
    return made


@cache
def portrait():
    return load_portrait(SAMPLES / "portrait.png")


def speech(seconds):
    """The beginning of the bundled sentence."""
    clip = load_audio(SAMPLES / "speech.wav")
    return AudioClip(clip.samples[:, : round(seconds * clip.rate)], clip.rate, "speech.wav")


def short_windows(monkeypatch):
    """Windows of 5 key frames instead of 25: several of them take a second of sound, and a fifth of the work."""
    monkeypatch.setattr(estimating, "WINDOW", 5)


def small_pictures(monkeypatch):
    """Frames are generated at 64 by 64 pixels, smaller than users can ask for, and brought to the size that was asked for."""
    monkeypatch.setattr(picture, "generated_size", lambda width, height, short: (64, 64))


def small_clip(engine, seconds, settings):
    """A clip made ready at 64 by 64 pixels, smaller than users can ask for."""
    made = engine.prepare(portrait(), speech(seconds), settings)
    features = made.features
    small = replace(
        features,
        image=features.image[:64, :64],
        reference=features.reference[:, :8, :8],
        mask=features.mask[..., :64, :64],
    )
    return replace(made, features=small)
