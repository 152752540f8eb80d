"""Scheduler, sampling loops with circular windows, decoding, and the whole way from picture and sound to video."""

import numpy as np
import pytest
import torch
from parity_fixtures import audio_net, cases, clip_embedding, close, fixtures, info, network, tensors
from published_parts import last_part

from sonic_core.diffusion import schedule
from sonic_core.diffusion.guidance import ramp, three_branch
from sonic_core.diffusion.sampler import sample_euler
from sonic_core.diffusion.windows import CircularWindows
from sonic_core.engines.sonic import picture
from sonic_core.engines.sonic.audio_encoder import WhisperStates, independent_chunks
from sonic_core.engines.sonic.audio_nets import motion_buckets
from sonic_core.engines.sonic.audio_windows import bucket_windows, token_windows
from sonic_core.engines.sonic.decoding import ChunkedDecoder, encode_picture
from sonic_core.engines.sonic.denoiser import Conditions, SonicDenoiser, starting_latents
from sonic_core.errors import SettingsError


def sigma_range(config):
    return config["sigma_max"], config["sigma_min"]


def schedules():
    return [(name, key) for name in fixtures("f_scheduler") for key in info(name)["steps"]]


@cases(schedules())
def test_sigmas_and_timesteps(case):
    name, key = case
    row = info(name)["steps"][key]
    sigmas = schedule.karras_sigmas(len(row["timesteps"]), *sigma_range(info(name)["scheduler_config"]))
    assert sigmas.tolist() == pytest.approx(row["sigmas"], rel=1e-5)
    timesteps = [schedule.continuous_timestep(sigma) for sigma in sigmas.tolist()[:-1]]
    assert timesteps == pytest.approx(row["timesteps"], rel=1e-5)


@cases(schedules())
def test_euler_steps(case):
    """The fixture's network: v = sin(3 * scaled_input + step)."""
    name, key = case
    stored, row = tensors(name), info(name)["steps"][key]
    sigmas = stored[f"{key}.sigmas"]
    x = stored[f"{key}.ref_latent"][0] + stored[f"{key}.noise"][0] * sigmas[0]
    assert torch.allclose(x, stored[f"{key}.initial"][0], rtol=1e-5, atol=0)
    whole = CircularWindows(x.shape[0])
    for i in range(len(row["timesteps"])):
        seen = []

        def denoise(x, sigma, frames, i=i, seen=seen):
            seen.append(schedule.scaled_input(x, sigma))
            return schedule.denoised_from_v(torch.sin(3 * seen[-1] + i), x, sigma)

        x = sample_euler(denoise, x, sigmas[i : i + 2], whole)
        for name_of, value in (("scaled_in", seen[0]), ("after", x)):
            if f"{key}.{name_of}{i}" in stored:
                expected = stored[f"{key}.{name_of}{i}"][0]
                close(value, expected, 1e-5 * max(1.0, expected.abs().max().item()))


def loops():
    return [(name,) for name in fixtures("c_loop")]


@cases(loops())
def test_windows_of_every_step(case):
    entry = info(case[0])
    v = entry["variant"]
    windows = CircularWindows(v["fpb"], v["overlap"], v["shift"])
    for step, expected in enumerate(entry["windows"]):
        assert [frames.tolist() for frames in windows(v["F"], step)] == expected


@cases(loops())
@torch.no_grad()
@pytest.mark.parametrize("together", [True, False], ids=["batched", "sequential"])
def test_sampling_loop_and_decoding(case, together):
    entry, stored = info(case[0]), tensors(case[0])
    v, vae = entry["variant"], network("vae")
    clip = clip_embedding(stored["clip_image_7x7"])
    close(clip, stored["clip_embeds"], 1e-5)
    reference = stored["ref_image"]
    clean = encode_picture(vae, reference)
    close(clean, stored["ref_latent_mean"][0], 1e-5)
    noised = reference + v["naug"] * stored["image_noise"] if v["naug"] else reference
    latent = encode_picture(vae, noised)
    close(latent, stored["image_latents_cond"][0], 1e-5)

    sigmas = schedule.karras_sigmas(v["steps"], *sigma_range(entry["scheduler_config"]))
    sigmas = last_part(sigmas, v["strength"])
    assert len(sigmas) - 1 == entry["effective_steps"]
    x = starting_latents(clean, stored["noise"][0], float(sigmas[0]))
    close(x, stored["initial_latents"][0], 1e-3)

    image_scale, audio_scale = ramp(sigmas, *v["g1"]), ramp(sigmas, *v["g2"])
    levels = sigmas.tolist()[:-1]
    assert [image_scale(s) for s in levels] == pytest.approx(entry["guidance1"])
    assert [audio_scale(s) for s in levels] == pytest.approx(entry["guidance2"])

    buckets, mask = stored["buckets"] * v["mbs"], stored["face_mask"]
    conditions = Conditions(latent, clip, stored["audio"], stored["uncond_audio"], buckets, mask, v["fps"])
    denoise = three_branch(SonicDenoiser(network("unet"), conditions, together), image_scale, audio_scale)
    windows = CircularWindows(v["fpb"], v["overlap"], v["shift"])
    for i in range(len(levels)):
        x = sample_euler(denoise, x, sigmas[i : i + 2], lambda length, _, i=i: windows(length, i))
        if f"latents_after_step{i}" in stored:
            close(x, stored[f"latents_after_step{i}"][0], 2e-3)
    close(x, stored["final_latents"][0], 2e-3)

    frames = torch.stack(list(ChunkedDecoder(vae, v["chunk"], overlap=0)(x)))
    close(frames[entry["kept_frames"]], stored["frames_kept"][0].transpose(0, 1), 2e-3)
    means = frames.flatten(1).mean(1).tolist()
    assert means == pytest.approx(entry["per_frame_mean"], abs=1e-3)


@cases(loops())
@torch.no_grad()
def test_ids_of_every_unet_call(case):
    entry, stored = info(case[0]), tensors(case[0])
    v = entry["variant"]
    seen = []

    class Recorder:
        dtype, device = torch.float32, torch.device("cpu")

        def __call__(self, sample, timestep, ids, context, keep=None):
            seen.append((timestep.item(), list(sample.shape), ids[0].tolist()))
            return sample[:, :, :4]

    latent = stored["image_latents_cond"][0]
    conditions = Conditions(
        latent,
        stored["clip_embeds"],
        stored["audio"],
        stored["uncond_audio"],
        stored["buckets"] * v["mbs"],
        None,
        v["fps"],
    )
    sigmas = last_part(schedule.karras_sigmas(v["steps"], *sigma_range(entry["scheduler_config"])), v["strength"])
    denoise = three_branch(SonicDenoiser(Recorder(), conditions), ramp(sigmas, *v["g1"]), ramp(sigmas, *v["g2"]))
    windows = CircularWindows(v["fpb"], v["overlap"], v["shift"])
    sample_euler(denoise, stored["initial_latents"][0], sigmas, windows)
    assert len(seen) == len(entry["unet_calls"])
    for (timestep, shape, ids), call in zip(seen, entry["unet_calls"], strict=True):
        assert timestep == pytest.approx(call["t"], rel=1e-5)
        assert shape[1:] == call["shape"][1:]
        assert ids == pytest.approx(call["added_time_ids"], abs=1e-4)


@cases([(name,) for name in fixtures("h_end")])
@torch.no_grad()
def test_picture_and_sound_to_video(case):
    entry, stored = info(case[0]), tensors(case[0])
    config, vae = entry["config"], network("vae")
    image = stored["image_u8"].numpy()
    height, width = image.shape[:2]
    new_width, new_height = picture.generated_size(width, height, entry["image_size"])
    assert [new_height, new_width] == entry["out_hw"]
    x, y, box_width, box_height = entry["bbox_xywh"]
    mask = picture.face_mask((x, y, x + box_width, y + box_height), width, height, entry["area"])
    mask, resized = (picture.resize(i, new_width, new_height) for i in (mask, image))
    clip = network("clip")(picture.clip_tensor(resized)).image_embeds
    latent = encode_picture(vae, picture.reference_tensor(resized))

    wave = stored["wave_i16"].numpy().astype(np.float32) / 32768
    length = len(wave) // 640
    states = independent_chunks(WhisperStates.around(network("whisper")), wave, 2 * length)
    frames = torch.arange(length // config["step"])
    assert len(frames) == entry["frames"]
    windows = token_windows(states, frames)
    tokens, buckets = audio_net("audio2token"), audio_net("audio2bucket")
    conditions = Conditions(
        image_latent=latent,
        clip=clip,
        audio=tokens(windows),
        silence=tokens(torch.zeros_like(windows[:1])),
        buckets=motion_buckets(buckets(bucket_windows(states, frames), clip)) * entry["dynamic_scale"],
        mask=picture.mask_tensor(mask),
        fps=config["fps"],
    )

    generator = torch.Generator().manual_seed(entry["seed"])
    torch.randn(
        1, 3, new_height, new_width, generator=generator
    )  # the published code draws it even when it is not used
    noise = torch.randn(1, len(frames), *latent.shape, generator=generator)[0]
    if entry["cpu_torch_seed_reproduces_noise"]:
        close(noise, stored["noise"][0], 0)
    sigmas = last_part(
        schedule.karras_sigmas(entry["steps"], *sigma_range(entry["scheduler_config"])), config["i2i_noise_strength"]
    )
    image_scale = ramp(sigmas, config["min_appearance_guidance_scale"], config["max_appearance_guidance_scale"])
    denoise = three_branch(SonicDenoiser(network("unet"), conditions), image_scale, config["audio_guidance_scale"])
    around = CircularWindows(config["n_sample_frames"], config["overlap"], config["shift_offset"])
    start = starting_latents(latent, stored["noise"][0], float(sigmas[0]))
    latents = sample_euler(denoise, start, sigmas, around)
    close(latents, stored["final_latents"][0], 2e-3)

    decoded = torch.stack(list(ChunkedDecoder(vae, config["decode_chunk_size"], overlap=0)(latents)))
    video = (decoded * 0.5 + 0.5).clamp(0, 1)
    assert video.mean((1, 2, 3)).tolist() == pytest.approx(entry["per_frame_mean"], abs=1e-3)
    kept = video[entry["kept_frames"]]
    close(kept, stored["video_kept"][0].transpose(0, 1), 2e-3)
    difference = ((kept * 255).byte().permute(0, 2, 3, 1).int() - stored["video_kept_u8"].int()).abs()
    assert difference.max() <= 1
    assert (difference > 0).float().mean() < 0.005


def test_strength_keeps_the_last_steps():
    sigmas = schedule.karras_sigmas(5)
    assert np.array_equal(last_part(sigmas, 0.6), sigmas[2:])
    assert np.array_equal(last_part(sigmas, 1.0), sigmas)
    with pytest.raises(SettingsError, match="leaves no step"):
        last_part(sigmas, 0.1)
