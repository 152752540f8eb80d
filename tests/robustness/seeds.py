"""Good small files of every kind that the doors take, to be damaged."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path

import av
from media_samples import chirp, moving_picture
from PIL import Image

SAMPLES = Path(__file__).parents[2] / "sonic_core" / "samples"
SAMPLE = SAMPLES / "portrait.png"
SIDE = 48

PICTURES = {
    "png": {}, "jpg": {}, "webp": {}, "gif": {}, "bmp": {}, "ico": {}, "ppm": {}, "tga": {}, "pcx": {}, "sgi": {}, "jp2": {}, "avif": {},
    "dds": {}, "im": {}, "icns": {}, "tif": {"compression": "raw"},
}  # fmt: skip
TIFFS = ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
MODES = {
    "P": "gif",
    "L": "png",
    "I;16": "png",
    "LA": "png",
    "RGBA": "png",
    "CMYK": "jpg",
    "1": "tif",
    "F": "tif",
    "YCbCr": "jpg",
}
SOUNDS = {
    "wav": "pcm_s16le", "mp3": "mp3", "flac": "flac", "ogg": "vorbis", "opus": "opus", "m4a": "aac", "aac": "aac", "ac3": "ac3",
    "aiff": "pcm_s16be", "au": "pcm_s16be", "mka": "pcm_f32le", "wma": "wmav2", "mp2": "mp2", "caf": "alac", "tta": "tta",
}  # fmt: skip
CLIPS = {
    "mp4": ("h264", "aac"), "mkv": ("h264", "opus"), "webm": ("vp9", "opus"), "mov": ("mpeg4", "aac"), "avi": ("mpeg4", "mp3"),
    "ts": ("h264", "aac"), "flv": ("flv1", "mp3"), "mpg": ("mpeg1video", "mp2"), "wmv": ("wmv2", "wmav2"), "3gp": ("h263", "aac"),
    "ogv": ("vp8", "vorbis"), "nut": ("mjpeg", "pcm_s16le"),
}  # fmt: skip


def pictures(folder: Path) -> list[Path]:
    """A file of each format and colour mode that Pillow writes here."""
    small = Image.open(SAMPLE).convert("RGB").resize((SIDE, SIDE))
    for suffix, options in PICTURES.items():
        _kept(folder / f"rgb.{suffix}", lambda path, o=options: small.save(path, **o))
    for compression in TIFFS:
        _kept(folder / f"{compression}.tif", lambda path, c=compression: small.save(path, compression=c))
    for mode, suffix in MODES.items():
        through = small.convert("L") if mode in ("I;16", "LA", "F") else small
        name = f"{mode.replace(';', '')}.{suffix}"
        _kept(folder / name, lambda path, m=mode, picture=through: picture.convert(m).save(path))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"
    _kept(folder / "turned.jpg", lambda path: small.save(path, exif=exif, icc_profile=_srgb_profile()))
    frames = [small.rotate(90 * i) for i in range(3)]
    for suffix in ("gif", "webp", "png", "tif"):
        _kept(folder / f"several.{suffix}", lambda path: frames[0].save(path, save_all=True, append_images=frames[1:]))
    return list(folder.iterdir())


def sounds(folder: Path) -> list[Path]:
    """A short chirp in each codec that FFmpeg writes here."""
    for suffix, codec in SOUNDS.items():
        _kept(folder / f"sound.{suffix}", lambda path, c=codec: _write(path, None, c, 0.4))
    return list(folder.iterdir())


def clips(folder: Path) -> list[Path]:
    """Picture and sound in each container, with tags."""
    for suffix, codecs in CLIPS.items():
        _kept(folder / f"clip.{suffix}", lambda path, c=codecs: _write(path, *c, 0.6))
    return list(folder.iterdir())


def short_clips(folder: Path) -> list[Path]:
    for suffix in ("mp4", "mkv", "avi", "ts", "mov"):
        _kept(folder / f"clip.{suffix}", lambda path, c=CLIPS[suffix]: _write(path, *c, 0.4))
    from sonic_core.media.writer import write_video

    write_video(moving_picture(0.2, width=48, height=48), None, folder / "clip.gif")
    return list(folder.iterdir())


def speaking_clips(folder: Path) -> list[Path]:
    """The bundled portrait saying two seconds of the bundled sentence, in two containers."""
    from sonic_core.audio.clip import AudioClip
    from sonic_core.audio.loading import load_audio
    from sonic_core.engines.registry import load_engine
    from sonic_core.job import Job
    from sonic_core.media.reader import read_frames
    from sonic_core.media.writer import write_video
    from sonic_core.pipeline import Loaded, generate
    from sonic_core.portrait.analysis import load_portrait
    from sonic_core.settings import Settings

    whole = load_audio(SAMPLES / "speech.wav")
    speech = AudioClip(whole.samples[:, : 2 * whole.rate], whole.rate, "speech")
    made = folder / "speaking.mp4"
    job = Job(None, None, made, Settings(min_resolution=256, framing="face"))
    generate(job, Loaded(load_engine("lite"), load_portrait(SAMPLE), speech))
    write_video(read_frames(made), speech, folder / "speaking.webm")
    return list(folder.iterdir())


def latents(folder: Path) -> list[Path]:
    import torch

    from sonic_core.engines.base import Latents
    from sonic_core.engines.latents_file import save_latents

    made = Latents(torch.arange(120.0).view(5, 4, 2, 3), 12.5, "sonic")
    save_latents(made, folder / "clip.safetensors", {"picture": "a" * 64, "settings": {"seed": 0}})
    return list(folder.iterdir())


def conditioning():
    """What the good latents were made for."""
    from sonic_core.engines.base import Conditioning
    from sonic_core.settings import Settings

    return Conditioning("sonic", None, None, None, 10, 25.0, Settings())


def checkpoints(folder: Path) -> list[Path]:
    """A table of tensors in each form that weights come in."""
    import torch
    from safetensors.torch import save_file

    table = {
        "a.weight": torch.arange(12.0).view(3, 4),
        "a.bias": torch.zeros(3, dtype=torch.float16),
        "n": torch.tensor(3),
    }
    torch.save(table, folder / "new.pth")
    torch.save({"state_dict": table}, folder / "old.pkl", _use_new_zipfile_serialization=False)
    save_file(table, folder / "new.safetensors", {"format": "pt"})
    return list(folder.iterdir())


def cache_files(folder: Path) -> list[Path]:
    from sonic_core.portrait.analysis import load_portrait

    load_portrait(SAMPLE, cache_dir=folder)
    return list(folder.iterdir())


@cache
def measured_sample():
    """The bundled portrait as it is measured without any cache."""
    import tempfile

    from sonic_core.portrait.analysis import load_portrait

    with tempfile.TemporaryDirectory() as empty:
        return load_portrait(SAMPLE, cache_dir=Path(empty))


SVD = "diffusers/stable-video-diffusion-img2vid-xt"
SIDECARS = {
    "sonic": "sonic/config.json",
    "vae": f"{SVD}/vae/config.json",
    "image_encoder": f"{SVD}/image_encoder/config.json",
    "whisper": "sonic/whisper-tiny/config.json",
    "wav2vec2": "sonic/wav2vec2/config.json",
    "wav2vec2_preprocessor": "sonic/wav2vec2/preprocessor_config.json",
}
"""Where each lies in a models folder."""


@cache
def sonic_models(with_wav2vec2: bool) -> Path:
    """A models folder of tiny networks, which lives as long as the process."""
    import tempfile

    from sonic_samples import write_models

    folder = tempfile.TemporaryDirectory()
    _FOLDERS.append(folder)
    write_models(Path(folder.name), wav2vec2=with_wav2vec2)
    if with_wav2vec2:
        named = {"audio_encoder": "wav2vec2", **json.loads((Path(folder.name) / SIDECARS["sonic"]).read_text())}
        (Path(folder.name) / SIDECARS["sonic"]).write_text(json.dumps(named))
        (Path(folder.name) / SIDECARS["wav2vec2_preprocessor"]).write_text(json.dumps({"do_normalize": False}))
    return Path(folder.name)


_FOLDERS: list = []


def sidecars(folder: Path) -> list[Path]:
    for name, place in SIDECARS.items():
        shutil.copy(sonic_models(name.startswith("wav2vec2")) / place, folder / f"{name}.json")
    return list(folder.iterdir())


def records(folder: Path) -> list[Path]:
    entry = {"repository": "a/b", "path": "c", "commit": "d" * 40, "size": 1, "sha256": "0" * 64}
    (folder / "downloads.json").write_text(json.dumps({"sonic/unet.pth": entry}))
    return list(folder.iterdir())


def tags(folder: Path) -> list[Path]:
    """What this package writes into a file about its making, by name."""
    from sonic_core.engines.registry import credits_of
    from sonic_core.media.provenance import Provenance

    written = Provenance("us", "lite", credits_of("lite"), 0, {"seed": 0}, "a" * 64, "b" * 64).tags()
    (folder / "tags.json").write_text(json.dumps(written))
    (folder / "nested.json").write_text(json.dumps({key: _parsed(value) for key, value in written.items()}))
    return list(folder.iterdir())


def workflows(folder: Path) -> list[Path]:
    """One as the editor saves it, the same as the API's prompt, and what a server says about their nodes."""
    from fake_comfyui import DEFINITIONS
    from test_queue import API, EDITOR

    for name, values in (("api", API), ("editor", EDITOR), ("definitions", DEFINITIONS)):
        (folder / f"{name}.json").write_text(json.dumps(values))
    return list(folder.iterdir())


ROWS = [{"image": str(SAMPLE), "audio": str(SAMPLES / "speech.wav"), "output": f"{i}.mp4", "seed": i} for i in range(3)]


def tables(folder: Path) -> list[Path]:
    """The same three clips in each form that a table may have."""
    lines = [",".join(ROWS[0]), *(",".join(map(str, row.values())) for row in ROWS)]
    (folder / "comma.csv").write_text("\n".join(lines))
    (folder / "excel.csv").write_bytes("\r\n".join(line.replace(",", ";") for line in lines).encode("utf-16"))
    (folder / "lines.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    (folder / "list.json").write_text(json.dumps({"jobs": ROWS}))
    return list(folder.iterdir())


def table_values(folder: Path) -> list[Path]:
    """Clips with settings of every kind, as one JSON file."""
    from sonic_core.job import Job
    from sonic_core.job_json import job_to_json

    whole = json.loads(job_to_json(Job(SAMPLE, SAMPLES / "speech.wav")))
    (folder / "rows.json").write_text(json.dumps(ROWS))
    (folder / "jobs.json").write_text(json.dumps({"jobs": [whole]}))
    return list(folder.iterdir())


def probed(metadata: dict[str, str]):
    """A plain file with these tags."""
    from dataclasses import replace

    from sonic_core.media.probe import probe

    return replace(probe(_one_wav()), metadata=metadata)


@cache
def _one_wav() -> Path:
    return SAMPLES / "speech.wav"


def _parsed(value: str) -> object:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _kept(path: Path, write) -> None:
    """Write a file if this machine's libraries can; what they half wrote is removed."""
    try:
        write(path)
    except (OSError, ValueError, KeyError, av.FFmpegError):
        path.unlink(missing_ok=True)


def _srgb_profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _write(path: Path, video: str | None, audio: str, seconds: float) -> None:
    rate = 48_000 if audio == "opus" else 44_100
    with av.open(str(path), "w") as container:
        container.metadata.update({"title": "a clip", "comment": '{"a": [1, 2]}', "artist": "nobody"})
        picture = container.add_stream(video, rate=25) if video else None
        sound = container.add_stream(audio, rate=rate)
        if picture:
            # H.263 knows few sizes, this is one of them.
            picture.width, picture.height = (128, 96) if video == "h263" else (64, 48)
            picture.pix_fmt = "yuvj420p" if video == "mjpeg" else "yuv420p"
            for frame in moving_picture(seconds, width=picture.width, height=picture.height):
                container.mux(picture.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(picture.encode(None))
        samples = chirp(seconds, rate).samples
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        resampler = av.AudioResampler(sound.format, "mono", rate, frame_size=sound.frame_size or None)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(sound.encode(part))
        container.mux(sound.encode(None))
