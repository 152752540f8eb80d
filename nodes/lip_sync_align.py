"""LipSyncAlign: measures how far mouth and sound are apart, and brings them together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..sonic_core.audio.clip import AudioClip
from ..sonic_core.hearing.heard_opening import heard_opening
from ..sonic_core.judging.alignment import DEFAULT_TOLERANCE_MS, METHODS, align, measure_again
from ..sonic_core.judging.face_tracker import MeshTracker
from ..sonic_core.judging.mouth_track import track_mouth
from ..sonic_core.judging.sync_chart import sync_chart
from ..sonic_core.judging.synchrony import SyncReport, compare, loudness, measurable
from ..sonic_core.progress import Progress
from ..sonic_core.threads import one_thread
from . import host
from .convert import (
    audio_from_clip,
    clip_from_audio,
    frames_from_images,
    images_from_frames,
    images_from_picture,
)
from .host import advanced, io
from .shown import picture_preview
from .told import told, told_errors

MEASURE_ONLY = "measure_only"


class LipSyncAlign(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SonicLipSyncAlign",
            display_name="Lip Sync Align",
            category="Sonic/post",
            description=(
                "Measures the offset between mouth and sound: the mouth opening seen in the frames against the one that the "
                "lip reader hears. Corrects it when the measurement is sure enough, also where it grows along the clip, and "
                "measures again."
            ),
            inputs=[
                io.Image.Input("images", tooltip="Frames in order, from Latent Decode (Sonic) or from any video."),
                io.Audio.Input("audio", tooltip="The sound that belongs to them."),
                io.Float.Input(
                    "fps", default=25.0, min=1.0, max=120.0, step=0.01, tooltip="Frames per second of the images."
                ),
                io.Combo.Input(
                    "method",
                    options=[*METHODS, MEASURE_ONLY],
                    default=METHODS[0],
                    tooltip="shift_audio moves the sound (exact), shift_frames the frames (to the nearest one), "
                    "measure_only changes nothing.",
                ),
                advanced(
                    io.Float.Input(
                        "tolerance_ms",
                        default=DEFAULT_TOLERANCE_MS,
                        min=0.0,
                        max=200.0,
                        step=5.0,
                        tooltip="Offsets up to this are left as they are: nobody sees them.",
                    )
                ),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="The frames, as many as before."),
                io.Audio.Output(display_name="audio", tooltip="The sound, moved to where the mouth is."),
                io.Float.Output(
                    display_name="offset_ms", tooltip="Measured offset in ms; positive = the sound is late."
                ),
                io.Image.Output(
                    display_name="sync_chart",
                    tooltip="Mouth opening and sound over time, how well they match at every shift, and the offset along the "
                    "clip; before and after.",
                ),
                io.String.Output(display_name="report", tooltip="What was found and what was done, in words."),
            ],
            **host.newer_keywords(
                search_aliases=["lip sync", "sync", "offset", "delay", "av sync", "对口型", "音画同步"]
            ),
        )

    @classmethod
    @told_errors
    def execute(
        cls,
        images: Tensor,
        audio: Mapping[str, Any] | None,
        fps: float = 25.0,
        method: str = METHODS[0],
        tolerance_ms: float = DEFAULT_TOLERANCE_MS,
    ) -> io.NodeOutput:
        frames, clip = frames_from_images(images, fps), clip_from_audio(audio)
        measurable(frames, clip)
        progress = host.progress({"listening": 1, "mouth": 8, "alignment": 1})
        with one_thread():
            heard = heard_within(frames.duration, clip, progress)
            track = track_mouth(frames, MeshTracker(), progress)
            report = compare(track, heard, loudness(clip, len(heard)))
            if method == MEASURE_ONLY:
                return shown(images, audio, report, None, report_line(report))
            aligned = align(frames, clip, report, method, tolerance_ms)
            if aligned.correction is None:
                return shown(images, audio, report, None, sentences(aligned.notes))
            heard = heard_within(frames.duration, aligned.audio, progress)
            after = measure_again(track, aligned, heard, loudness(aligned.audio, len(heard)))
        if aligned.frames is not frames:
            images = images_from_frames(aligned.frames, progress, "alignment")
        sound = audio if aligned.audio is clip else audio_from_clip(aligned.audio)
        return shown(
            images, sound, report, after, f"{sentences(aligned.notes)} {told('Measured again: ')}{report_line(after)}"
        )


def heard_within(seconds: float, clip: AudioClip, progress: Progress) -> NDArray[np.float32]:
    """The opening heard in the part of the sound that lies beside the frames, at CURVE_RATE."""
    part = clip.with_samples(clip.samples[:, : max(1, round(seconds * clip.rate))])
    return heard_opening(part, progress=progress)


def shown(images: Tensor, audio: Any, report: SyncReport, after: SyncReport | None, text: str) -> io.NodeOutput:
    chart = sync_chart(report, after, language=host.language())
    return io.NodeOutput(
        images, audio, report.offset_ms, images_from_picture(chart), text, ui=picture_preview(chart, text)
    )


def report_line(report: SyncReport) -> str:
    return sentences((f"Offset {report.offset_ms:+.0f} ms, confidence {report.confidence:.2f}.", *report.notes))


def sentences(notes: Iterable[str]) -> str:
    return " ".join(told(note) for note in notes)
