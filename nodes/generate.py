"""Generate: the whole way in one node, frame by frame into the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

from torch import Tensor

from ..sonic_core.engines.base import Engine
from ..sonic_core.engines.registry import DEFAULT_ENGINE, load_engine
from ..sonic_core.keeping import kept_in
from ..sonic_core.pipeline import Loaded, generate
from ..sonic_core.threads import one_thread
from . import host
from .convert import background_from_images, check_model, clip_from_audio, picture_from_images, with_transparency
from .encoding_inputs import FORMATS, encoding_inputs, file_inputs, filename_input
from .face_inputs import STOP, boxes_input, face_inputs, portrait_of
from .host import advanced, io
from .interpolation_inputs import between_for, rate_input
from .job_widgets import job_from
from .marking_inputs import marking_inputs
from .playable import playable
from .progress import Part
from .report import warning_lines
from .setting_inputs import INFERENCE, LATER_INFERENCE, LATER_PREPARE, PREPARE, later_setting_inputs, setting_inputs
from .several import one_by_one, rows_of
from .shown import video_preview, video_previews
from .threads import threads_for
from .told import told, told_errors
from .transparency_inputs import background_image_input, background_inputs

SHOWN = {"seed", "emotion", "framing"}
"""The settings that a first clip is made with; all others are folded away."""


def folded(items: list[io.Input]) -> list[io.Input]:
    return [item if item.id in SHOWN else advanced(item) for item in items]


class Generate(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SonicGenerate",
            display_name="Sonic Generate (streaming)",
            category="Sonic",
            description=(
                "Picture and recording in, mp4 out. Frames are drawn, written and forgotten one at a time: "
                "ten minutes need no more memory than ten seconds. Lists of pictures or recordings make one clip each."
            ),
            is_output_node=True,
            is_input_list=True,
            inputs=[
                host.SonicModel.Input(
                    "model",
                    optional=True,
                    tooltip=f"From Sonic Model Loader; not connected = the bundled engine, {DEFAULT_ENGINE}.",
                ),
                io.Image.Input("image", tooltip="The portrait. Of a batch the first picture is used."),
                io.Audio.Input("audio", tooltip="The recording that it shall speak; any rate, any length."),
                *folded(setting_inputs((*INFERENCE, *PREPARE))),
                filename_input(),
                *folded(encoding_inputs()),
                *marking_inputs(),
                *file_inputs(),
                rate_input(),
                *face_inputs(),
                *folded(later_setting_inputs((*LATER_PREPARE, *LATER_INFERENCE))),
                *folded(background_inputs()),
                boxes_input(),
                background_image_input(),
            ],
            outputs=[
                io.Video.Output(
                    display_name="video",
                    tooltip="The finished file, for other video nodes; a list, where lists came in.",
                    is_output_list=True,
                ),
                io.String.Output(display_name="path", tooltip="Where the mp4 lies.", is_output_list=True),
                io.String.Output(
                    display_name="report",
                    tooltip="What was adjusted on the way, and advice about the picture.",
                    is_output_list=True,
                ),
            ],
            **host.newer_keywords(
                search_aliases=[
                    "lip sync",
                    "talking head",
                    "digital human",
                    "audio driven",
                    "数字人",
                    "对口型",
                    "口型同步",
                ],
            ),
        )

    @classmethod
    @told_errors
    def execute(cls, **lists: Sequence[Any]) -> io.NodeOutput:
        rows = rows_of(lists)
        hidden = cls.hidden
        clips, failed = one_by_one(
            rows, lambda row, part: one_clip(hidden, part, **row), [seconds_of(row.get("audio")) for row in rows]
        )
        reports = [f"{clip.path.name}\n{clip.report}".rstrip() if len(rows) > 1 else clip.report for clip in clips]
        text = "\n".join(filter(None, (*map(told, failed.values()), *reports)))
        return io.NodeOutput(
            [host.video_from_file(clip.shown or clip.path) for clip in clips],
            [str(clip.path) for clip in clips],
            [clip.report for clip in clips],
            ui=video_previews([video_preview(clip.path, clip.subfolder, clip.shown) for clip in clips], text),
        )


@dataclass(frozen=True)
class Clip:
    """A finished file: where it lies, its folder within ComfyUI's, what plays in its stead on the node, and what is to say about it."""

    path: Path
    subfolder: str
    shown: Path | None
    report: str


def one_clip(
    hidden: Any,
    part: Part,
    image: Tensor,
    audio: Mapping[str, Any] | None,
    model: Engine | None = None,
    filename_prefix: str = "sonic/talking",
    keep_workflow: bool = True,
    file_format: str = FORMATS[0],
    mask: Tensor | None = None,
    face_box: str = "",
    no_face: str = STOP,
    transparency: Tensor | None = None,
    bboxes: Any = None,
    background_image: Tensor | None = None,
    **widgets: Any,
) -> Clip:
    """Make one file of one row of inputs.  hidden: of the node, with the graph.  part: which of how many it is."""
    model = load_engine(DEFAULT_ENGINE) if model is None else model
    check_model(model)
    job = job_from(widgets, model.name)
    progress = host.progress(
        {"portrait": 3, "audio": 1, "sampling": 2, "rendering": 2, "encoding": 92}, words=True, part=part
    )
    clip = clip_from_audio(audio)
    picture, notes = picture_from_images(image)
    picture = with_transparency(picture, transparency)
    with one_thread():
        portrait, area = portrait_of(model, picture, job.settings.face_index, mask, face_box, no_face, progress, bboxes)
    place = host.output_place(filename_prefix, *model.frame_size(portrait, job.settings), f".{file_format}")
    behind, more = (None, ()) if background_image is None else background_from_images(background_image)
    loaded = Loaded(model, portrait, clip, area, between_for(job.output_fps, model), behind)
    tags = host.workflow_tags(hidden if keep_workflow else None)
    job = replace(job, output=place.path, tags=tags)
    kept = None
    cost = model.expected_cost(portrait, clip, job.settings, area)
    if cost is not None:
        progress.weigh(cost.stages)
    if not model.declaration.cheap_trial:
        kept = kept_in(place.path.parent, model, portrait, clip, job.settings, area)
    with threads_for(model, *model.frame_size(portrait, job.settings)):
        made = generate(job, loaded, progress, kept)
    report = told("\n".join((*warning_lines(made.warnings), *notes, *more, *made.notes, *portrait.report.advice)))
    return Clip(made.path, place.subfolder, playable(made.path, clip, progress), report)


def seconds_of(audio: Any) -> float:
    """Length of a recording, which is not looked into; 0 of what is none, which will be told in its turn."""
    try:
        seconds = audio["waveform"].shape[-1] / audio["sample_rate"]
    except Exception:  # whatever another pack sends under that name
        return 0.0
    return seconds if isfinite(seconds) and seconds > 0 else 0.0
