"""VideoCombine: frames and sound into an mp4 that plays on the node."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..sonic_core.audio.clip import AudioClip
from ..sonic_core.engines.base import Conditioning
from ..sonic_core.errors import DurationMismatchError
from ..sonic_core.frames import FrameStream
from ..sonic_core.media.lengths import match_lengths
from ..sonic_core.media.visible_label import with_visible_label
from ..sonic_core.media.writer import holds_alpha, write_video
from ..sonic_core.settings import LENGTH_POLICIES
from . import host
from .convert import check_predata, clip_from_audio, transparent_frames
from .encoding_inputs import FORMATS, encoding_inputs, file_inputs, filename_input
from .host import advanced, io
from .job_widgets import ENCODING, LABELS, check_names, encoding_from, labels_from
from .marking_inputs import marking_inputs
from .playable import playable
from .provenance import known_provenance
from .shown import video_preview
from .told import told_errors

log = logging.getLogger(__name__)


class VideoCombine(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SonicVideoCombine",
            display_name="Video Combine (Sonic)",
            category="Sonic",
            description="Writes frames and sound as an mp4 and plays it here. The workflow is kept in the file.",
            is_output_node=True,
            inputs=[
                io.Image.Input("images", tooltip="Frames in order."),
                io.Audio.Input(
                    "audio", optional=True, tooltip="The sound, kept at its own rate; without it the video is silent."
                ),
                io.Float.Input("fps", default=25.0, min=1.0, max=120.0, step=0.01, tooltip="Frames per second."),
                filename_input(),
                *encoding_inputs(),
                advanced(
                    io.Combo.Input(
                        "length_policy",
                        options=list(LENGTH_POLICIES),
                        default="strict",
                        tooltip="Frames and sound of different length: strict = error, trim = cut the longer, "
                        "pad = add silence or hold the last frame.",
                    )
                ),
                *marking_inputs(),
                *file_inputs(),
                host.SonicPredata.Input(
                    "predata",
                    optional=True,
                    tooltip="From SONIC_PreData: lets the file say which engine, models, picture and recording it was made from.",
                ),
                io.Latent.Input(
                    "latent",
                    optional=True,
                    tooltip="From Sonic Inference: lets the file name the seed and the settings.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="What is transparent in the images (white): one mask for each, or one for all. Kept in webm, mov and png; "
                    "in other files transparent parts become white.",
                ),
            ],
            outputs=[
                io.Video.Output(display_name="video", tooltip="The finished file, for other video nodes."),
                io.String.Output(display_name="path", tooltip="Where the mp4 lies."),
            ],
            **host.newer_keywords(
                search_aliases=["save video", "combine", "mp4", "lip sync", "talking head", "保存视频", "合成视频"],
            ),
        )

    @classmethod
    @told_errors
    def execute(
        cls,
        images: Tensor,
        fps: float,
        filename_prefix: str,
        audio: Mapping[str, Any] | None = None,
        length_policy: str = "strict",
        keep_workflow: bool = True,
        file_format: str = FORMATS[0],
        predata: Conditioning | None = None,
        latent: Mapping[str, Any] | None = None,
        mask: Tensor | None = None,
        **widgets: Any,
    ) -> io.NodeOutput:
        check_names(widgets, (*ENCODING, *LABELS))
        if predata is not None:
            check_predata(predata)
        frames = transparent_frames(images, fps, mask)
        clip = clip_from_audio(audio) if audio is not None else None
        labels = labels_from(widgets)
        provenance = known_provenance(predata, latent, clip, labels)
        if clip is not None:
            frames, clip = fitted(frames, clip, length_policy)
        frames = with_visible_label(frames, labels.visible)
        place = host.output_place(filename_prefix, frames.width, frames.height, f".{file_format}")
        progress = host.progress({"encoding": 1})
        chosen = encoding_from(widgets)
        if frames.has_alpha and not holds_alpha(place.path, chosen):
            log.warning(
                "Transparent parts are white: a .%s cannot hold transparency. Choose webm, mov or png to keep it.",
                file_format,
            )
            frames = frames.over()
        path = write_video(
            frames,
            clip,
            place.path,
            chosen,
            {**host.workflow_tags(cls.hidden if keep_workflow else None), **provenance.tags()},
            progress=progress,
        )
        shown = playable(path, clip, progress)
        return io.NodeOutput(
            host.video_from_file(shown or path), str(path), ui=video_preview(path, place.subfolder, shown)
        )


def fitted(frames: FrameStream, clip: AudioClip, length_policy: str) -> tuple[FrameStream, AudioClip | None]:
    """Both of one length.  Raises DurationMismatchError under the policy strict, with the frame rate that would fit."""
    try:
        return match_lengths(frames, clip, length_policy)
    except DurationMismatchError as error:
        raise DurationMismatchError(
            f"{len(frames)} frames at {frames.fps:g} fps last {frames.duration:.3f} s, but the sound lasts {clip.duration:.3f} s. "
            f"Connect fps to the node that made the frames ({len(frames) / clip.duration:.4g} fps would fit); "
            "if they shall differ, set length_policy to trim or pad."
        ) from error
