"""Picture and sound of any video file on one clock: when every frame is shown, and the frames at any times."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from .. import opening
from ..decoding import TolerantDecoder
from ..errors import AudioError, OutputError
from ..frames import Frame, FrameStream
from ..opening import as_fraction, in_seconds
from ..threads import share_of_cores

log = logging.getLogger(__name__)

LARGEST_SIDE = 1280
"""Pictures are read no larger than this, px: faces need no more."""
FASTEST = 31.0
"""Frames per second that are looked at: of 50 or 60 every second one."""
STEADY = 0.002
"""s; frames that keep within this of a regular beat have a constant rate."""
UNSPECIFIED, HD = 2, 1280
"""Colour matrix by its number in H.273; px of the longer side."""
LONGEST_GAP = 600.0
"""s; a longer hole in the time stamps is no pause but damage."""


@dataclass(frozen=True)
class Timeline:
    """When things happen in a file, in seconds from the first shown frame.

    times: [N] start of every frame, rising.  end: of the last frame.  zero: where the first frame stands in the file's own clock, s.
    fps: mean rate.  constant: the frames keep one beat.  width, height: as shown (turned pictures are upright).
    sound_start, sound_end: of the first sound track (start is negative when it begins before the picture).
    rate: Hz.  channels: 0 where there is no sound.  layout: FFmpeg's name of them.  tracks: streams of picture, of sound and others.
    """

    path: Path
    times: NDArray[np.float64]
    end: float
    zero: float
    fps: float
    constant: bool
    width: int
    height: int
    sound_start: float
    sound_end: float
    rate: int
    channels: int
    layout: str
    tracks: tuple[int, int, int]

    @property
    def shared_seconds(self) -> float:
        """How long there are both picture and sound, counted from the first frame."""
        return max(0.0, min(self.end, self.sound_end))


def read_timeline(path: Path) -> Timeline:
    """The timeline of a file with picture and sound.  Raises OutputError (no such file, no video) and AudioError (no sound)."""
    timeline = read_any_timeline(path)
    if timeline.channels:
        return timeline
    if timeline.tracks[1]:
        raise AudioError(
            f"{path.name} has a sound track without any sound in it; it may be cut off. Choose a video with sound."
        )
    raise AudioError(f"{path.name} has no sound. Expected a video with a face and sound.")


def read_any_timeline(path: Path) -> Timeline:
    """Read the time stamps of every packet, of a silent video too; nothing is decoded but the first frame.

    Raises OutputError (no such file, no video).
    """
    with opened(path) as container:
        video, audio = picture_of(container, path), first_sound(container)
        streams = [stream for stream in (video, audio) if stream]
        begins: dict[int, list[float]] = {stream.index: [] for stream in streams}
        ends = {stream.index: float("-inf") for stream in streams}
        for packet in container.demux(streams):
            if packet.pts is None or not packet.size or packet.is_discard:
                continue
            begin = in_seconds(packet.pts, packet.time_base)
            begins[packet.stream.index].append(begin)
            last = begin + in_seconds(packet.duration or 0, packet.time_base)
            ends[packet.stream.index] = max(ends[packet.stream.index], last)
        times, picture_end = np.unique(begins[video.index]), ends[video.index]
        sounded = begins[audio.index] if audio else []
        if not len(times):
            raise OutputError(f"{path.name} holds no picture that can be read. Expected a video file.")
        for stamps, part in ((times, "picture"), (np.unique(sounded), "sound")):
            if len(stamps) > 1 and (jump := float(np.diff(stamps).max())) > LONGEST_GAP:
                raise OutputError(
                    f"The {part} of {path.name} jumps by {jump / 60:.0f} minutes; its time stamps are damaged. Copy it anew, or convert it."
                )
        kinds = [stream.type for stream in container.streams]
        pictures, sounds = kinds.count("video"), kinds.count("audio")
        sound_end, rate, channels, layout = times[0], 0, 0, ""
        if audio is not None and sounded:
            sound, sound_end = audio.codec_context, ends[audio.index]
            rate, channels, layout = sound.sample_rate, sound.layout.nb_channels, sound.layout.name
        coded = video.codec_context
        width, height = coded.width, coded.height
        if not (width and height):
            raise OutputError(f"{path.name} has a picture of {width} x {height} pixels; it is damaged.")
        named_rate = float(as_fraction(video.average_rate) or 25)
    mean = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 1 / named_rate
    end = picture_end if picture_end > times[-1] else times[-1] + mean
    regular = times[0] + mean * np.arange(len(times))
    if _is_turned(path):
        width, height = height, width
    return Timeline(
        path=path,
        times=times - times[0],
        end=float(end - times[0]),
        zero=float(times[0]),
        fps=float(1 / mean),
        constant=bool(np.abs(times - regular).max() <= STEADY),
        width=width,
        height=height,
        sound_start=min(sounded, default=float(times[0])) - float(times[0]),
        sound_end=float(sound_end - times[0]),
        rate=rate,
        channels=channels,
        layout=layout,
        tracks=(pictures, sounds, len(kinds) - pictures - sounds),
    )


def read_shown_frames(timeline: Timeline) -> tuple[FrameStream, NDArray[np.float64]]:
    """RGB frames for looking at, upright, at most LARGEST_SIDE px and FASTEST per second, and when each is shown (s)."""
    times = _thinned(timeline.times)
    scale = min(1.0, LARGEST_SIDE / max(timeline.width, timeline.height))
    size = max(2, round(timeline.width * scale)), max(2, round(timeline.height * scale))
    fps = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else timeline.fps
    return FrameStream(len(times), *size, float(fps), lambda: _frames_at(timeline, times, *size)), times


def read_frames_at(timeline: Timeline, times: NDArray[np.float64], fps: float) -> FrameStream:
    """RGB frames of full size, upright: those shown closest to each of `times` (s, rising), as a stream of `fps`."""
    places = np.searchsorted((timeline.times[1:] + timeline.times[:-1]) / 2, times)
    chosen = timeline.times[places]
    size = timeline.width, timeline.height
    return FrameStream(len(chosen), *size, fps, lambda: _frames_at(timeline, chosen, *size))


def _frames_at(timeline: Timeline, times: NDArray[np.float64], width: int, height: int) -> Iterator[Frame]:
    """The frame on the screen at each of `times` (rising); the one before where one cannot be decoded, so that the number is exact."""
    shown = _decoded(timeline, width, height)
    frame, upcoming = None, next(shown, None)
    picture: Frame | None = None
    for time in times:
        while upcoming is not None and (frame is None or upcoming[0] <= time + STEADY):
            frame, picture, upcoming = upcoming[1], None, next(shown, None)
        if frame is None:
            raise OutputError(
                f"No frame of {timeline.path.name} could be decoded: it is cut off, damaged or of a rare kind. "
                "Copy it anew, or convert it to H.264 in an mp4."
            )
        picture = frame() if picture is None else picture
        yield picture


def tolerant(container: InputContainer, stream: AudioStream | VideoStream) -> Iterator[Any]:
    """Decoded frames, of the stream's kind; a warning counts what is damaged."""
    decoder = TolerantDecoder(container, stream)
    yield from decoder
    if faulty := decoder.faults:
        part = "picture" if stream.type == "video" else "sound"
        log.warning("%s is damaged: %d pieces of its %s are lost or faulty.", Path(container.name).name, faulty, part)


def _decoded(timeline: Timeline, width: int, height: int):
    """(seconds, picture made when it is called) of every frame, in the order of showing."""
    with opened(timeline.path) as container:
        stream = picture_of(container, timeline.path)
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = share_of_cores()  # 0: FFmpeg's own choice
        for index, frame in enumerate(tolerant(container, stream)):
            time = frame.time if frame.time is not None else index / timeline.fps + timeline.zero
            yield time - timeline.zero, lambda frame=frame: _upright(frame, width, height)


def _upright(frame: av.VideoFrame, width: int, height: int) -> Frame:
    turns = _quarter_turns(frame)
    size = (height, width) if turns % 2 else (width, height)
    # FFmpeg takes pictures that do not say so for BT.601; from 720 lines on they are BT.709, as players know.
    untagged = frame.colorspace == UNSPECIFIED and max(frame.height, frame.width) >= HD
    matrix = "ITU709" if untagged else None
    smaller = (frame.width, frame.height) != size
    picture: Frame = frame.to_ndarray(  # type: ignore[assignment]  # rgb24 is uint8
        format="rgb24",
        width=size[0],
        height=size[1],
        src_colorspace=matrix,
        interpolation="AREA" if smaller else "BILINEAR",
    )
    return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture


def _quarter_turns(frame: av.VideoFrame) -> int:
    """Turns by 90 degrees against the clock that bring the stored picture upright."""
    return round((getattr(frame, "rotation", 0) or 0) / 90) % 4


def _is_turned(path: Path) -> bool:
    with opened(path) as container:
        first = next(tolerant(container, picture_of(container, path)), None)
        return first is not None and _quarter_turns(first) % 2 == 1


def _thinned(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Those of `times` that keep at least 1 / FASTEST apart."""
    kept, last = [], -np.inf
    for time in times:
        if time - last >= 1 / FASTEST - 1e-6:
            kept.append(time)
            last = time
    return np.array(kept)


def picture_of(container: InputContainer, path: Path) -> VideoStream:
    """The first moving picture; a cover image is none."""
    for stream in container.streams.video:
        if "attached_pic" not in str(stream.disposition.name or "").lower() and stream.codec_context is not None:
            return stream
    raise OutputError(f"{path.name} holds no picture. Expected a video file.")


def sound_of(container: InputContainer, path: Path) -> AudioStream:
    stream = first_sound(container)
    if stream is None:
        raise AudioError(f"{path.name} has no sound. Expected a video with a face and sound.")
    return stream


def first_sound(container: InputContainer) -> AudioStream | None:
    """The sound track that is used; None in a silent video."""
    return next((stream for stream in container.streams.audio if stream.codec_context is not None), None)


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """The file to read from; OutputError when there is none or it is no media file."""
    with opening.opened(path, OutputError, "Expected a video file.") as container:
        yield container
