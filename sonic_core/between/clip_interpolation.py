"""Other frame rates from file to file, and the choice of how frames between frames are made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..audio.loading import load_audio
from ..errors import ModelMissingError
from ..frames import Frame, FrameStream
from ..media.c2pa_signing import lost_signature
from ..media.encoding import Encoding
from ..media.png_sequence import SOUND
from ..media.probe import probe
from ..media.provenance_check import own_tags
from ..media.reader import read_frames
from ..media.remux import CONTAINERS, named_after, replace_picture, sound_left_out, tracks_left_out
from ..media.timeline import Timeline, read_any_timeline, read_frames_at
from ..media.writer import check_output, write_video
from ..models.locate import find, models_folders, shared_files
from ..progress import Progress, ignore
from ..runtime.devices import usable_device
from .flow_interpolation import flow_between
from .flownet import load_flownet
from .flownet_file import FLOWNET
from .interpolation import Between, interpolated
from .interpolators import check_interpolator
from .rife_interpolation import rife_between

GIF, PNG = ".gif", ".png"


def interpolator(
    name: str = "auto",
    folders: Sequence[Path] | None = None,
    device: str = "cpu",
    flownet: Path | None = None,
    shared: Sequence[Path] = (),
) -> Between[Frame]:
    """How frames are made: "rife", "flow" (optical flow), or "auto" = RIFE where its weights are, else optical flow.

    folders: models folders in which `flownet.pkl` is looked for.  flownet: its path, where that is known.  device: torch's name of it.
    shared: folders like ComfyUI's `frame_interpolation`, beside those of the models folders.
    Raises ModelMissingError when RIFE is asked for and its weights are absent, SettingsError for another name or device.
    """
    check_interpolator(name)
    if name == "flow":
        return flow_between
    folders = tuple(folders or models_folders())
    path = flownet or find(FLOWNET, folders, shared)
    if path is not None:
        return rife_between(load_flownet(path).to(usable_device(device)))
    if name == "auto":
        return flow_between
    if others := shared_files(FLOWNET, folders, shared):
        names = ", ".join(path.name for path in others)
        raise ModelMissingError(
            f"{others[0].parent} holds other networks ({names}), which ComfyUI's own Frame Interpolate reads; this one is the RIFE that "
            f"Sonic was published with. Put it under {folders[0]}: {FLOWNET.described()}. Or choose 'flow', which needs none."
        )
    raise ModelMissingError(
        f"RIFE's weights are missing. Put them under {folders[0]}: {FLOWNET.described()}. "
        "Or choose interpolation 'flow', which needs none."
    )


def interpolate_clip(
    path: Path,
    fps: float,
    output: Path | None = None,
    between: Between[Frame] = flow_between,
    encoding: Encoding | None = None,
    overwrite: bool = False,
    progress: Progress = ignore,
) -> Path:
    """Write the video (or PNG sequence) of `path` at another frame rate; its sound is copied where it can be, tags are kept.

    output: default is the name with the rate (`clip_50fps.mp4`) beside the clip, .mkv for a kind that is not written.  Frame i shows the
    time i / fps, counted from the first frame; a changing frame rate becomes a constant one, a turned picture upright.
    Raises OutputError (no video, cannot be written) and SettingsError (fps).
    """
    target = output or named_after(path, f"{fps:g}fps", (*CONTAINERS, GIF))
    if path.is_dir() or path.suffix.lower() == GIF:
        check_output(target)
        sound = load_audio(path / SOUND) if (path / SOUND).exists() else None
        frames = interpolated(read_frames(path).over(), fps, between, sound.duration if sound else None)
        return write_video(frames, sound, target, encoding, own_tags(probe(path).metadata), overwrite, progress)
    timeline = read_any_timeline(path)
    frames = interpolated(_steady(timeline), fps, between, _duration(timeline))
    if not timeline.channels and target.suffix.lower() in (GIF, PNG):
        return write_video(frames, None, target, encoding, own_tags(probe(path).metadata), overwrite, progress)
    return replace_picture(timeline, frames, target, encoding, {}, overwrite, progress)


def left_behind(path: Path) -> tuple[str, ...]:
    """What a copy of `path` at another frame rate will not have, in sentences: further tracks, sound without picture, a signature.

    Raises OutputError when there is no video.
    """
    if path.is_dir():
        return ()
    timeline = read_any_timeline(path)
    return (*tracks_left_out(timeline), *sound_left_out(timeline), *lost_signature(path))


def _steady(timeline: Timeline) -> FrameStream:
    """The file's frames at their mean rate."""
    count = max(1, round(timeline.end * timeline.fps))
    return read_frames_at(timeline, np.arange(count) / timeline.fps, timeline.fps)


def _duration(timeline: Timeline) -> float:
    """Seconds of the new video: as long as the sound where that ends with the last frame, otherwise as long as the picture."""
    together = abs(timeline.sound_end - timeline.end) <= 0.5 / timeline.fps + 1e-3
    return timeline.sound_end if together else timeline.end
