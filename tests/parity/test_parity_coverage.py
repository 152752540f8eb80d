"""Every fixture is of a kind that the tests beside this one know: none is passed over in silence."""

import re

import pytest
from parity_fixtures import FOLDER, WEIGHT, fixtures, info, tensors

TOLD = {
    "fixture",
    "seeds",
    "note",
    "versions",
    "compute_dtype",
    "device",
    "tensors",
    "config",
    "weights_file",
    "weights_files",
}
EXPLAINING = (
    r".*(stats|float64_maxabs_diff|maxabs_effect_of_mistakes|mask_box_before_blur|diff_from_average|clip_shape)"
)

# kind: what its JSON holds beside what every one tells, what its cases hold, and its tensors.
KINDS = {
    "a_audio_adapters": ("", "", r"audio2token\.\w+\.(input|output)|audio2bucket\.\w+\.(audio|bucket|clip|output)"),
    "b_mask": ("cases", "mask_hw|num_queries", r"\w+\.(mask_u8|out)"),
    "b_unet": (
        "cases",
        "batch|frames|latent|timestep|trace",
        r"\w+\.(added_time_ids|audio|clip|clip_per_batch|mask|sample|timestep|"
        r"output|output_clip_per_batch|output_ip_scale_0p5|output_no_mask|output_zero_audio)",
    ),
    "c_loop": (
        "variant|kept_frames|scheduler_config|timesteps|sigmas|effective_steps|guidance1|guidance2|windows|unet_calls|"
        "per_frame_mean|per_frame_std",
        "",
        r"audio|buckets|clip_embeds|clip_image_7x7|face_mask|first_unet_(in|out)_3frames|frames_kept|image_latents_cond|image_noise|"
        r"(initial|final)_latents|latents_after_step\d+|noise|ref_image|ref_latent_mean|uncond_audio",
    ),
    "d_preprocess": (
        "cases",
        "image_hw|bbox_xywh|image_size|area|out_hw|audio_len",
        r"\w+\.(ref_img|clip_image_every4|face_mask_u8|image_u8)",
    ),
    "d_tables": ("process_bbox|mask_rect|resize|no_face_returns_none|face_choice|yoloface_postprocess", "", ""),
    "e_rife": ("cases", "hw|middle", r"clip\.(in|middles)|\w+\.(flow2|img0|img1|mask|middle)"),
    "f_scheduler": ("scheduler_config|steps", "", r"n\d+\.(after|scaled_in)\d+|n\d+\.(initial|noise|ref_latent|sigmas|timesteps)"),
    "g_audio": (
        "cases",
        "samples|sample_rate|audio_len|video_frames|log_mel_shape|picked_frames|picked_bucket_frames|wave|wave_sha256|num_frames_arg|"
        "out_samples|method",
        r"clip_embeds|clip_image_7x7|\w+\.(audio_tokens|audio_windows|bucket_windows|log_mel_boundary|log_mel_head|motion_buckets|"
        r"uncond_tokens|mono16k|wave_i16)",
    ),
    "h_end": (
        "image_hw|bbox_xywh|image_size|area|samples|sample_rate|steps|dynamic_scale|seed|out_hw|frames|kept_frames|"
        "cpu_torch_seed_reproduces_noise|per_frame_mean|scheduler_config",
        "",
        "final_latents|noise|video_kept|wave_i16|image_u8|video_kept_u8",
    ),
    "unet_weights": ("", "", ".*"),
    "vae_weights": ("", "", ".*"),
    "clip_weights": ("", "", ".*"),
    "whisper_weights": ("", "", ".*"),
}  # fmt: skip
EVERY = fixtures("")


def kind_of(name):
    return next((kind for kind in KINDS if name.startswith(kind)), None)


def unknown(names, pattern):
    return sorted(n for n in names if not re.fullmatch(pattern, n) and not re.fullmatch(EXPLAINING, n))


@pytest.mark.skipif(not EVERY, reason=f"no fixtures in {FOLDER} (set SONIC_PARITY_DIR)")
@pytest.mark.parametrize("name", EVERY)
def test_every_fixture_is_of_a_known_kind(name):
    assert kind_of(name), f"{name} is a kind of fixture that no test knows"
    entries, of_cases, of_tensors = KINDS[kind_of(name)]
    assert unknown(info(name).keys() - TOLD, entries) == []
    held = info(name).get("cases", {})
    assert unknown({key for case in held.values() for key in case}, of_cases) == []
    assert unknown({key for key in tensors(name) if WEIGHT not in key}, of_tensors) == []


@pytest.mark.skipif(not EVERY, reason=f"no fixtures in {FOLDER} (set SONIC_PARITY_DIR)")
def test_every_kind_that_acceptance_asks_for_is_there():
    assert {kind_of(name) for name in EVERY} == set(KINDS)
