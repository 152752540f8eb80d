"""A finished video written again with its sound moved, picture packets copied as they are; or with new frames, sound copied if it fits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from numpy.typing import NDArray

from ..errors import OutputError
from ..frames import FrameStream
from ..opening import as_fraction, in_seconds, open_media, tags_of
from ..progress import Progress, ignore
from .audio_track import SOUND_CODECS, AudioTrack, CopiedAudio, EncodedAudio, NoAudio
from .encoding import Encoding
from .muxing import MP4, WEBM, Container, encode_all
from .muxing import opened as opened_output
from .pending_file import PendingFile, beside, plain_output_errors
from .picture_track import PictureTrack
from .timed_sound import read_sound
from .timeline import Timeline, opened, picture_of, sound_of

MOV = Container("mov", MP4.codecs, MP4.audio_codecs, MP4.options)
MATROSKA = Container("matroska", ("h264", "hevc", "av1", "vp9"), ("aac", "mp3", "opus"))
CONTAINERS = {".mp4": MP4, ".m4v": MP4, ".mov": MOV, ".mkv": MATROSKA, ".webm": WEBM}
"""Kinds of file that can be written, by suffix."""
MIN_BITRATE = 192_000
"""Bits per second of sound that is encoded again: what was lossy once must not get worse."""
MOST_REORDERED = 32
"""Packets that may come before the first one with a decoding time; H.264 and HEVC reorder by 16 pictures at most."""
NOTICED_S = 0.1
"""s; sound without picture that is worth a word. Encoders alone make a few hundredths."""
# What the container says about itself; the new one says its own.
_CONTAINER_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration")

Sound = Iterable[NDArray[np.float32]]


def replace_sound(
    timeline: Timeline,
    sound: Sound,
    path: Path,
    tags: Mapping[str, str] | None = None,
    overwrite: bool = False,
    progress: Progress = ignore,
) -> Path:
    """Write the file of `timeline` to `path` with another sound; the picture is not decoded, so that nothing of it is lost.

    sound: blocks `[channels, n]` at the timeline's rate from the first frame's time to `timeline.end`.  tags: added to the file's own.
    The target grows under a temporary name; it is numbered when it exists, unless `overwrite`.  Returns its path.
    Raises OutputError when `path` is no kind of file that can hold this picture, or cannot be written.
    """
    kind = container_for(path)

    def write(output: OutputContainer, source: InputContainer) -> None:
        original = picture_of(source, timeline.path)
        try:
            picture = output.add_stream_from_template(original, opaque=True)
            track = _encoded(output, sound, timeline, kind.audio_codecs[0])
            picture.metadata.update(_own_words(tags_of(original)))
            with plain_output_errors(path):
                output.start_encoding()  # writes the header: some containers refuse a codec only here
        except ValueError as error:
            instead = "" if kind is MATROSKA else "Give an --output that ends in .mkv, or "
            raise OutputError(
                f"A {path.suffix} file cannot hold {original.codec_context.name} picture. "
                f"{instead}{'choose' if instead else 'Choose'} --method shift_frames, which encodes the picture anew."
            ) from error
        start = round(timeline.zero / as_fraction(original.time_base))
        for packet in in_decoding_order(packet for packet in source.demux(original) if packet.size):
            packet.pts = None if packet.pts is None else packet.pts - start
            packet.dts = decoded = (packet.dts or 0) - start  # in_decoding_order names a time for each
            at = in_seconds(decoded, packet.time_base)
            packet.stream = picture
            with plain_output_errors(path):
                for piece in track.packets_until(at):
                    output.mux(piece)
                output.mux(packet)
            progress("writing", max(0, round(at)), max(1, round(timeline.end)))
        with plain_output_errors(path):
            for piece in track.remaining():
                output.mux(piece)

    return _written(timeline, kind, path, tags, overwrite, write)


def replace_picture(
    timeline: Timeline,
    frames: FrameStream,
    path: Path,
    encoding: Encoding | None = None,
    tags: Mapping[str, str] | None = None,
    overwrite: bool = False,
    progress: Progress = ignore,
) -> Path:
    """Write the file of `timeline` with other frames, encoded anew; sound that is as long as they are is copied where the container
    and `encoding` allow its codec, other sound encoded.

    A silent video stays silent.  Otherwise as `replace_sound`.
    """
    kind, encoding = container_for(path), encoding or Encoding()
    codec, audio_codec = kind.chosen(encoding)

    def sound_for(output: OutputContainer, source: InputContainer) -> AudioTrack:
        if not timeline.channels:
            return NoAudio()
        if _fits(timeline, frames, source, kind.audio_codecs if encoding.audio_codec == "auto" else (audio_codec,)):
            return _copied(output, timeline)
        bitrate = None if encoding.audio_bitrate == Encoding.audio_bitrate else encoding.audio_bitrate
        sound = cut_to(read_sound(timeline), timeline, frames.duration)
        return _encoded(output, sound, timeline, audio_codec, bitrate)

    def write(output: OutputContainer, source: InputContainer) -> None:
        with plain_output_errors(path):
            picture = PictureTrack(output, frames, encoding, codec)
        encode_all(output, picture, frames, sound_for(output, source), progress, path)

    return _written(timeline, kind, path, tags, overwrite, write)


def in_decoding_order(packets: Iterable[av.Packet]) -> Iterator[av.Packet]:
    """The packets, each with a decoding time: Matroska names none for those before the first picture that is shown out of order.

    Raises OutputError where there are too many without one to tell what it is.
    """
    waiting: list[av.Packet] = []
    last: int | None = None
    for packet in packets:
        if packet.dts is None and last is None:
            waiting.append(packet)
            if len(waiting) > MOST_REORDERED:
                break
            continue
        if packet.dts is None and last is not None:
            packet.dts = last + 1
        time = packet.dts or 0
        for earlier in reversed(waiting):
            time -= max(1, earlier.duration or 0)
            earlier.dts = time
        yield from waiting
        waiting, last = [], packet.dts
        yield packet
    if waiting:
        raise OutputError(
            "The picture's packets do not say in which order they are decoded, so that they cannot be copied. "
            "Use --method shift_frames, which encodes the picture anew."
        )


def container_for(path: Path) -> Container:
    """OutputError for a suffix that cannot be written."""
    kind = CONTAINERS.get(path.suffix.lower())
    if kind is None:
        raise OutputError(f"Cannot write {path}: give a name that ends in {', '.join(CONTAINERS)}.")
    return kind


def named_after(path: Path, what: str, kinds: Collection[str] = tuple(CONTAINERS)) -> Path:
    """`CLIP_what` beside the clip, of its own kind where that is one of `kinds`, else .mkv; .mp4 for a folder of pictures."""
    suffix = ".mp4" if path.is_dir() else path.suffix if path.suffix.lower() in kinds else ".mkv"
    return beside(path, f"{what}{suffix}")


def tracks_left_out(timeline: Timeline) -> tuple[str, ...]:
    """A sentence where the file holds more than a picture and a sound, which are all that is used."""
    pictures, sounds, others = timeline.tracks
    counts = ((sounds - 1, "more sound"), (pictures - 1, "more picture"), (others, "other"))
    left_out = [f"{count} {kind} track(s)" for count, kind in counts if count > 0]
    if not left_out:
        return ()
    return (f"Only the first picture and sound track are used; the file also has {', '.join(left_out)}.",)


def sound_left_out(timeline: Timeline) -> tuple[str, ...]:
    """A sentence for every stretch of sound without picture, which `replace_sound` and `replace_picture` leave out."""
    early, late = -timeline.sound_start, timeline.sound_end - timeline.end
    if not timeline.channels:
        return ()
    words = [f"begins {early:.2f} s before the picture"] if early > NOTICED_S else []
    words += [f"goes on for {late:.2f} s after the picture"] if late > NOTICED_S else []
    return (f"The sound {' and '.join(words)}; what has no picture is left out.",) if words else ()


def cut_to(sound: Sound, timeline: Timeline, seconds: float) -> Iterator[NDArray[np.float32]]:
    """The sound's first `seconds`, silence added where it is shorter."""
    left = round(seconds * timeline.rate)
    silence = (np.zeros((timeline.channels, timeline.rate), np.float32) for _ in iter(int, 1))
    for block in chain(sound, silence):
        if left <= 0:
            return
        yield block[:, :left]
        left -= block.shape[1]


def _encoded(
    output: OutputContainer, sound: Sound, timeline: Timeline, codec: str, bitrate: int | None = None
) -> EncodedAudio:
    """Sound of a timeline, encoded; bitrate: bits per second, None = so that nothing is heard."""
    channels = timeline.channels
    good = max(MIN_BITRATE, 96_000 * channels)
    return EncodedAudio(output, sound, channels, timeline.rate, bitrate or good, SOUND_CODECS[codec])


def _copied(output: OutputContainer, timeline: Timeline) -> CopiedAudio:
    """The packets of the file's own first sound track, read through a container of their own."""
    source = open_media(timeline.path, OutputError, "Expected a video file.")
    track = sound_of(source, timeline.path)
    return CopiedAudio(output, source, track, round(timeline.zero / as_fraction(track.time_base)))


def _written(
    timeline: Timeline,
    kind: Container,
    path: Path,
    tags: Mapping[str, str] | None,
    overwrite: bool,
    write: Callable[[OutputContainer, InputContainer], None],
) -> Path:
    pending = PendingFile(path, overwrite)
    try:
        with (
            opened(timeline.path) as source,
            opened_output(pending.temporary, kind.format, kind.options, path) as output,
        ):
            output.metadata.update({**_own_words(tags_of(source)), **(tags or {})})
            write(output, source)
        return pending.publish()
    finally:
        pending.discard()


def _fits(timeline: Timeline, frames: FrameStream, source: InputContainer, codecs: Collection[str]) -> bool:
    """Whether the file's sound can be copied: one of `codecs`, beginning and ending with the frames."""
    sound, half = sound_of(source, timeline.path), 0.5 / frames.fps
    codec = {"aac": "aac", "mp3float": "mp3", "mp3": "mp3", "opus": "opus"}.get(sound.codec_context.name)
    return codec in codecs and abs(timeline.sound_start) <= 0.001 and abs(timeline.sound_end - frames.duration) <= half


def _own_words(metadata: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if key.lower() not in _CONTAINER_TAGS}
