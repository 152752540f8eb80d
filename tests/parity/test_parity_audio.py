"""Waveform to Whisper states to windows to tokens and buckets, against the published code."""

import hashlib
import zlib

import numpy as np
import pytest
import torch
from parity_fixtures import audio_net, cases, clip_embedding, close, fixtures, info, network, tensors

from sonic_core.audio.clip import AudioClip
from sonic_core.audio.resampling import to_mono_16k
from sonic_core.engines.sonic.audio_encoder import WhisperStates, independent_chunks
from sonic_core.engines.sonic.audio_nets import motion_buckets
from sonic_core.engines.sonic.audio_windows import bucket_windows, token_windows


def waveform(name, case):
    """The recording of a case in -1..1: stored, or made anew from its seed and checked by its hash."""
    entry, key = info(name)["cases"][case], f"{case}.wave_i16"
    if key in tensors(name):
        wave = tensors(name)[key].numpy()
    else:
        seed = (info(name)["seeds"]["inputs"] * 1000003 + zlib.crc32(case.encode())) % 2**32
        wave = np.random.RandomState(seed).randint(-6000, 6001, entry["samples"]).astype(np.int16)
    assert hashlib.sha256(wave.tobytes()).hexdigest() == entry["wave_sha256"]
    return wave.astype(np.float32) / 32768


def speech_cases():
    return [
        (name, case)
        for name in fixtures("g_audio")
        for case, entry in info(name)["cases"].items()
        if "picked_frames" in entry
    ]


@cases(speech_cases())
@torch.no_grad()
def test_audio_windows_tokens_and_buckets(case):
    name, key = case
    entry, stored = info(name)["cases"][key], tensors(name)
    wave = waveform(name, key)
    assert len(wave) // 640 == entry["audio_len"]
    assert entry["audio_len"] // 2 == entry["video_frames"]
    states = independent_chunks(WhisperStates.around(network("whisper")), wave, 2 * entry["audio_len"])

    windows = token_windows(states, torch.tensor(entry["picked_frames"]))
    close(windows, stored[f"{key}.audio_windows"], 1e-4)
    picked = bucket_windows(states, torch.tensor(entry["picked_bucket_frames"]))
    close(picked, stored[f"{key}.bucket_windows"], 1e-4)

    tokens = audio_net("audio2token")
    close(tokens(windows), stored[f"{key}.audio_tokens"], 1e-4)
    close(tokens(torch.zeros_like(windows[:1]))[0], stored[f"{key}.uncond_tokens"], 1e-4)

    clip = clip_embedding(stored["clip_image_7x7"])
    close(clip, stored["clip_embeds"], 1e-4)
    everywhere = bucket_windows(states, torch.arange(entry["video_frames"]))
    close(motion_buckets(audio_net("audio2bucket")(everywhere, clip)), stored[f"{key}.motion_buckets"], 1e-3)


@cases(speech_cases())
def test_log_mel(case):
    name, key = case
    extract = WhisperStates.around(network("whisper")).extract
    wave, stored = waveform(name, key), tensors(name)
    chunks = [wave[i : i + 480_000] for i in range(0, len(wave), 480_000)]
    mel = np.concatenate(
        [extract(c, sampling_rate=16_000, return_tensors="np")["input_features"][0] for c in chunks], 1
    )
    assert [1, *mel.shape] == info(name)["cases"][key]["log_mel_shape"]
    head = stored[f"{key}.log_mel_head"]
    close(torch.from_numpy(mel[:, : head.shape[-1]]).view_as(head), head, 1e-4)
    stats = info(name)["cases"][key]["log_mel_stats"]
    assert mel.mean() == pytest.approx(stats["mean"], abs=1e-5)
    assert mel.std(ddof=1) == pytest.approx(stats["std"], abs=1e-4)
    if f"{key}.log_mel_boundary" in stored:
        across = stored[f"{key}.log_mel_boundary"]
        half = across.shape[-1] // 2
        close(torch.from_numpy(mel[:, 3000 - half : 3000 + half]).view_as(across), across, 1e-4)


def resampling_cases():
    return [(n, c) for n in fixtures("g_audio") for c, e in info(n)["cases"].items() if "out_samples" in e]


@cases(resampling_cases())
def test_resampling_to_16k(case):
    """Another resampler than the published code's: the same length, and the same sound below its filter's edge."""
    name, key = case
    entry, stored = info(name)["cases"][key], tensors(name)
    wave = stored[f"{key}.wave_i16"].numpy().astype(np.float32).T / 32768
    ours, theirs = to_mono_16k(AudioClip(wave, entry["sample_rate"])), stored[f"{key}.mono16k"].numpy()
    assert len(ours) == entry["out_samples"]
    assert len(ours) // 640 == entry["audio_len"]
    window = np.hanning(len(ours))
    a, b = np.fft.rfft(ours * window), np.fft.rfft(theirs * window)
    below = slice(0, int(0.9 * len(a)))
    assert np.linalg.norm((a - b)[below]) < 0.01 * np.linalg.norm(b[below])
