"""Bad input to the nodes that take and write frames: a clear error or a stated rule, and nothing lost."""

import sys
from pathlib import Path

import av
import numpy as np
import pytest
import torch

FPS = 25.0


def grey(count=5, side=64):
    return torch.full((count, side, side, 3), 0.5)


def tone(seconds=0.2, level=0.1, rate=16_000):
    return {"waveform": torch.full((1, 1, round(seconds * rate)), level), "sample_rate": rate}


def combine(execute, images, **options):
    return execute("SonicVideoCombine", **{"images": images, "fps": FPS, "filename_prefix": "clip", **options})


def frames_of(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


BAD = {
    "zero frames": (grey(0), {}, "OutputError", "the image batch is empty"),
    "mixed sizes": ([grey(1)[0], grey(1, 66)[0]], {}, "PortraitError", "expected .pictures, height, width"),
    "one channel": (grey()[..., :1], {}, "PortraitError", "3 or 4 channels"),
    "fps 0": (grey(), {"fps": 0.0}, "OutputError", "fps is 0"),
    "fps NaN": (grey(), {"fps": float("nan")}, "OutputError", "fps is nan"),
    "sound without samples": (grey(), {"audio": tone(0.0)}, "AudioError", "audio"),
    "other length": (grey(), {"audio": tone(3.0)}, "DurationMismatchError", r"0\.200 s, but .* 3\.000 s"),
}


@pytest.mark.parametrize("kind", ["mp4", "webm", "gif", "png"])
@pytest.mark.parametrize("case", BAD)
def test_video_combine_tells_what_is_wrong_and_leaves_nothing(execute, pack, folders, case, kind):
    images, options, error, words = BAD[case]
    with pytest.raises(getattr(pack.part("sonic_core.errors"), error), match=words):
        combine(execute, images, file_format=kind, **options)
    assert not list((folders / "output").rglob("*.*"))
    assert not list((folders / "temp").rglob("*.*"))


@pytest.mark.parametrize(
    ("images", "error", "words"),
    [
        (grey(0), "OutputError", "the image batch is empty"),
        ([grey(1)[0]], "PortraitError", "expected .pictures, height, width"),
    ],
)
@pytest.mark.parametrize("node", ["SonicFrameInterpolate", "SonicTemporalSmooth"])
def test_nodes_between_tell_what_is_wrong_too(execute, pack, folders, images, error, words, node):
    options = {
        "SonicFrameInterpolate": {"fps": FPS, "output_fps": 50.0},
        "SonicTemporalSmooth": {"method": "ema", "strength": 0.5},
    }
    with pytest.raises(getattr(pack.part("sonic_core.errors"), error), match=words):
        execute(node, images=images, **options[node])


@pytest.mark.parametrize(("fps", "output_fps"), [(0.0, 50.0), (25.0, 0.0), (25.0, float("nan")), (float("nan"), 50.0)])
def test_interpolation_refuses_rates_that_are_none(execute, pack, fps, output_fps):
    errors = pack.part("sonic_core.errors")
    with pytest.raises((errors.SettingsError, errors.OutputError), match="fps is"):
        execute("SonicFrameInterpolate", images=grey(), fps=fps, output_fps=output_fps)


@pytest.mark.parametrize("kind", ["mp4", "webm", "gif", "png"])
def test_one_frame_is_a_video_of_one_frame(execute, pack, folders, kind):
    path = combine(execute, grey(1), file_format=kind).args[1]
    assert pack.part("sonic_core.media.probe").probe(path).frames == 1


def test_one_frame_interpolated_is_held(execute):
    made = execute("SonicFrameInterpolate", images=grey(1), fps=FPS, output_fps=100.0).args[0]
    assert made.shape == (4, 64, 64, 3)


def test_pixels_that_are_no_numbers_are_black_and_those_out_of_range_are_clipped(execute, folders):
    images = grey(3)
    images[1, :32], images[1, 32:] = float("nan"), float("inf")
    kept = images.clone()
    frame = frames_of(combine(execute, images, crf=0).args[1])[1]
    assert frame[:30].max() <= 2
    assert frame[34:].min() >= 253
    made = execute("SonicFrameInterpolate", images=images, fps=FPS, output_fps=50.0).args[0]
    assert torch.isfinite(made).all()
    assert torch.equal(images.nan_to_num(), kept.nan_to_num())


def test_silence_and_missing_sound_are_no_errors(execute, pack, folders):
    probe = pack.part("sonic_core.media.probe").probe
    assert probe(combine(execute, grey(), audio=tone(level=0.0)).args[1]).audio_codec == "aac"
    assert probe(combine(execute, grey(), audio=None).args[1]).audio_codec is None


def test_an_output_folder_that_takes_no_files_is_told(execute, pack, folders):
    (folders / "output" / "sub").write_text("kept")
    with pytest.raises((pack.part("sonic_core.errors").OutputError, OSError), match="sub"):
        combine(execute, grey(), filename_prefix="sub/clip")
    assert (folders / "output" / "sub").read_text() == "kept"


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a Unix thing")
@pytest.mark.parametrize("kind", ["mp4", "webm", "gif", "png"])
def test_a_full_disk_is_told_and_loses_no_earlier_file(execute, pack, folders, kind):
    import resource

    earlier = Path(combine(execute, grey(), file_format="mp4").args[1])
    before = earlier.read_bytes()
    noise = torch.rand(20, 128, 128, 3, generator=torch.Generator().manual_seed(0))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(pack.part("sonic_core.errors").OutputError, match="grew larger than this disk"):
            combine(execute, noise, file_format=kind, crf=0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert earlier.read_bytes() == before
    assert [path.name for path in (folders / "output").iterdir()] == [earlier.name]


@pytest.mark.parametrize("kind", ["mp4", "webm", "gif", "png"])
def test_an_existing_target_is_numbered(execute, folders, kind):
    names = [Path(combine(execute, grey(), file_format=kind).args[1]).stem for _ in range(2)]
    assert names == ["clip_00001_", "clip_00002_"]


def test_frames_of_other_kinds_are_not_changed_by_the_nodes(execute, folders):
    images = torch.from_numpy(np.random.default_rng(0).random((4, 50, 50, 4), dtype=np.float32)).half()
    kept = images.clone()
    combine(execute, images)
    execute("SonicFrameInterpolate", images=images, fps=FPS, output_fps=50.0)
    assert torch.equal(images, kept)
