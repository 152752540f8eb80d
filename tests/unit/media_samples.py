"""Small streams and sounds for the media tests."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from sonic_core.audio.clip import AudioClip
from sonic_core.frames import FrameStream
from sonic_core.media.c2pa_signing import SIGNATURE_MARKS


def moving_picture(seconds: float, fps: float = 25, width: int = 96, height: int = 64) -> FrameStream:
    """A smooth pattern that moves a pixel per frame."""
    y, x = np.mgrid[:height, :width]
    light = 128 + 90 * np.sin(x / 7) * np.cos(y / 9)
    # Colour changes slowly: 4:2:0 keeps a quarter of it.
    picture = (
        np.stack([light, light + 20 * np.sin(y / 30), light - 20 * np.cos(x / 30)], axis=2).round().astype(np.uint8)
    )
    length = round(seconds * fps)
    return FrameStream(length, width, height, fps, lambda: (np.roll(picture, i, axis=1) for i in range(length)))


def flat(colour: tuple[int, int, int], length: int = 5, width: int = 64, height: int = 64) -> FrameStream:
    """Frames of one colour."""
    return FrameStream.from_array(np.full((length, height, width, 3), colour, np.uint8), 25)


def chirp(seconds: float, rate: int = 44_100, channels: int = 1) -> AudioClip:
    """A rising tone below 3 kHz, another one in each channel: its place in time can be found again to a sample."""
    t = np.arange(round(seconds * rate)) / rate
    tones = [0.5 * np.sin(2 * np.pi * (200 + 150 * c) * t + 2 * np.pi * 300 * t**2 / seconds) for c in range(channels)]
    return AudioClip(np.stack(tones).astype(np.float32), rate, name="chirp")


def aac_file(path: Path, clip: AudioClip) -> Path:
    """`clip` as an AAC file of the container that the suffix names."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=clip.rate)
        stream.layout = {1: "mono", 2: "stereo"}[len(clip.samples)]
        frame = av.AudioFrame.from_ndarray(clip.samples, format="fltp", layout=stream.layout.name)
        frame.sample_rate, frame.pts = clip.rate, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def decoded_frames(path: Path) -> np.ndarray:
    """RGB uint8 [T, H, W, 3] by the formulas of ITU-R BT.709, limited range: a decoder that owes the writer nothing."""
    with av.open(str(path)) as container:
        return np.stack(
            [_bt709_to_rgb(frame.to_ndarray(), frame.width, frame.height) for frame in container.decode(video=0)]
        )


def _bt709_to_rgb(planes: np.ndarray, width: int, height: int) -> np.ndarray:
    """planes: yuv420p [H * 3 / 2, W], the chroma planes one after the other."""
    quarter = width * height // 4
    chroma = planes[height:].reshape(2, quarter).reshape(2, height // 2, width // 2).repeat(2, axis=1).repeat(2, axis=2)
    luma = (planes[:height] - 16.0) / 219
    blue_difference, red_difference = (chroma - 128.0) / 224
    red = luma + 1.5748 * red_difference
    blue = luma + 1.8556 * blue_difference
    green = (luma - 0.2126 * red - 0.0722 * blue) / 0.7152
    return (255 * np.stack([red, green, blue], axis=-1)).round().clip(0, 255).astype(np.uint8)


def decoded_samples(path: Path) -> np.ndarray:
    """Float32 [channels, samples]."""
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)


def audio_packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def turned(path: Path) -> Path:
    """The mp4 with a display matrix that turns it by a quarter, as phones write it."""
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 4 + 20 + 16
    one, zero = (0x10000).to_bytes(4, "big"), bytes(4)
    minus = (-0x10000 & 0xFFFFFFFF).to_bytes(4, "big")
    data[place : place + 24] = zero + one + zero + minus + zero + zero
    path.write_bytes(data)
    return path


def marked_as_signed(path: Path) -> Path:
    """The mp4 with a C2PA box behind it: enough to be taken for a signed file, not for a valid one."""
    box = b"uuid" + SIGNATURE_MARKS[0] + bytes(8)
    path.write_bytes(path.read_bytes() + (len(box) + 4).to_bytes(4, "big") + box)
    return path
