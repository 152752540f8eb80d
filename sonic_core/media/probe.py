"""What a video file really holds, counted from its packets and not believed from its header."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from ..errors import OutputError
from ..opening import as_fraction, in_seconds, open_numbered, opened, reason, tags_of
from .gif import read_comment
from .png_sequence import DIGITS, FPS_TAG, SOUND, read_tags

# Numbers of ITU-T H.273, as far as portraits meet them.
COLOUR_NAMES = {1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020"}
RANGE_NAMES = {1: "limited", 2: "full"}
FIRST_NUMBERS = range(5)  # with which FFmpeg lets a sequence begin
WITH_ALPHA = ("prores", "png")
MP4_FAMILY = (".mp4", ".m4v", ".mov", ".m4a")


@dataclass(frozen=True)
class Probe:
    """One video file: counts, seconds, pixels, Hz; `None` or 0 where it has no such stream or no such tag.

    duration, audio_duration: end of the last frame and of the last sound, counted from the start of the file.
    audio_start: seconds at which the sound begins (0 when in step).  fast_start: the index stands before the media data.
    transparent: frames carry opacity (VP9 and ProRes 4444 as they are written here, PNG).
    """

    frames: int
    duration: float
    width: int
    height: int
    fps: float
    video_codec: str | None
    pixel_format: str | None
    colour_space: str | None
    colour_primaries: str | None
    colour_transfer: str | None
    colour_range: str | None
    audio_codec: str | None
    audio_start: float
    audio_duration: float
    sample_rate: int
    channels: int
    size_bytes: int
    fast_start: bool
    metadata: dict[str, str] = field(default_factory=dict)
    transparent: bool = False


def probe(path: Path | str) -> Probe:
    """Measure the first video and the first audio stream of `path`.

    A folder is read as a PNG sequence with its sound.wav.
    Every packet is read, none decoded: an hour takes seconds.  Raises OutputError when the file is missing or no media file.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return _measure_sequence(path.absolute())
        with opened(path, OutputError, "Expected a video file.") as container:
            video = _measure(container, path, path.stat().st_size)
        return _without_comment(video, read_comment(path)) if path.suffix.lower() == ".gif" else video
    except (OSError, av.FFmpegError) as error:
        raise OutputError(f"Cannot read {path}: {reason(error)}. Expected a video file.") from error


def _measure(container: InputContainer, path: Path, size: int) -> Probe:
    video = next(iter(container.streams.video), None)
    audio = next(iter(container.streams.audio), None)
    count = 0
    starts: dict[int, float] = {}
    ends: dict[int, float] = {}
    for packet in container.demux([stream for stream in (video, audio) if stream]):
        if packet.pts is None or not packet.size or packet.is_discard:
            continue
        begin = in_seconds(packet.pts, packet.time_base)
        index = packet.stream.index
        count += packet.stream is video
        starts[index] = min(starts.get(index, begin), begin)
        ends[index] = max(ends.get(index, 0.0), begin + in_seconds(packet.duration or 0, packet.time_base))
    picture = video.codec_context if video else None
    sound = audio.codec_context if audio else None
    return Probe(
        frames=count,
        duration=ends.get(video.index, 0.0) if video else 0.0,
        width=picture.width if picture else 0,
        height=picture.height if picture else 0,
        fps=float(as_fraction(video.average_rate)) if video else 0.0,
        video_codec=picture.name if picture else None,
        pixel_format=picture.pix_fmt if picture else None,
        colour_space=COLOUR_NAMES.get(picture.colorspace) if picture else None,
        colour_primaries=COLOUR_NAMES.get(picture.color_primaries) if picture else None,
        colour_transfer=COLOUR_NAMES.get(picture.color_trc) if picture else None,
        colour_range=RANGE_NAMES.get(picture.color_range) if picture else None,
        audio_codec=sound.name if sound else None,
        audio_start=starts.get(audio.index, 0.0) if audio else 0.0,
        audio_duration=ends.get(audio.index, 0.0) if audio else 0.0,
        sample_rate=sound.sample_rate if sound else 0,
        channels=sound.channels if sound else 0,
        size_bytes=size,
        fast_start=_index_comes_first(path),
        metadata=tags_of(container),
        transparent=video is not None and _is_transparent(video),
    )


def _is_transparent(video: VideoStream) -> bool:
    """Matroska keeps the opacity of VP9 beside its picture, so that the picture's own form does not tell."""
    picture = video.codec_context
    if {key.lower(): value for key, value in tags_of(video).items()}.get("alpha_mode") == "1":
        return True
    if picture is None or picture.name not in WITH_ALPHA or picture.pix_fmt is None:
        return False
    return any(component.is_alpha for component in av.VideoFormat(picture.pix_fmt).components)


def _without_comment(video: Probe, tags: dict[str, str]) -> Probe:
    """A GIF with its tags; FFmpeg takes the comment that holds them, behind the last picture, for the packet of one more."""
    if not tags:
        return video
    frames = video.frames - 1
    return replace(video, metadata=tags, frames=frames, duration=video.duration * frames / max(1, video.frames))


def _measure_sequence(folder: Path) -> Probe:
    """The pictures of a folder as a video at the rate that they name."""
    if not any((folder / f"{number:0{DIGITS}}.png").exists() for number in FIRST_NUMBERS):
        raise OutputError(
            f"{folder} is a folder without a PNG sequence ({1:0{DIGITS}}.png, {2:0{DIGITS}}.png, ...). Expected one, or a video file."
        )
    tags = read_tags(folder)
    fps = tags.pop(FPS_TAG, "25")
    with open_numbered(folder, f"%0{DIGITS}d.png", fps) as container:
        video = _measure(container, folder, sum(file.stat().st_size for file in folder.iterdir()))
    video = replace(video, metadata=tags)
    if not (folder / SOUND).exists():
        return video
    with opened(folder / SOUND, OutputError, "Expected a video file.") as container:
        sound = _measure(container, folder, 0)
    names = ("audio_codec", "audio_start", "audio_duration", "sample_rate", "channels")
    return replace(video, **{name: getattr(sound, name) for name in names})


def _index_comes_first(path: Path) -> bool:
    """Whether the `moov` box of an mp4 stands before its `mdat` box, so that playing starts before all is loaded."""
    if path.suffix.lower() not in MP4_FAMILY:
        return False
    with path.open("rb") as file:
        while len(header := file.read(8)) == 8:
            size, kind = int.from_bytes(header[:4], "big"), header[4:]
            if kind in (b"moov", b"mdat"):
                return kind == b"moov"
            if size == 1:
                size = int.from_bytes(file.read(8), "big") - 8
            if size < 8:
                return False
            file.seek(size - 8, 1)
    return False
