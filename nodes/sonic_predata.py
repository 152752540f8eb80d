"""SONIC_PreData: face, framing and sound features, prepared once per picture and recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from ..sonic_core.engines.base import Engine, Origin
from ..sonic_core.media.provenance import audio_digest
from ..sonic_core.settings import Settings
from ..sonic_core.threads import one_thread
from . import host
from .convert import check_model, clip_from_audio, images_from_picture, picture_from_images, with_transparency
from .estimate import estimated_seconds, expected_cost
from .face_inputs import STOP, boxes_input, face_inputs, portrait_of
from .host import io
from .idle import idle_settings
from .report import face_picture, report_lines
from .setting_inputs import LATER_PREPARE, PREPARE, later_setting_inputs, setting_inputs
from .shown import picture_preview
from .threads import threads_for
from .told import told, told_errors
from .transparency_inputs import transparency_input


class SONIC_PreData(io.ComfyNode):  # noqa: N801  the name on the users' design card
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SonicPreData",
            display_name="SONIC_PreData (portrait)",
            category="Sonic",
            description="Finds the face, frames the picture, listens to the sound, and reports what was found before the long work starts.",
            inputs=[
                host.SonicModel.Input("model", tooltip="From Sonic Model Loader."),
                io.Image.Input("image", tooltip="The portrait. Of a batch the first picture is used."),
                io.Audio.Input("audio", tooltip="The recording that it shall speak; any rate, mono or stereo."),
                *setting_inputs(PREPARE),
                *face_inputs(),
                *later_setting_inputs(LATER_PREPARE),
                transparency_input(),
                boxes_input(),
            ],
            outputs=[
                host.SonicPredata.Output(display_name="predata", tooltip="For Sonic Inference and Latent Decode."),
                io.Image.Output(display_name="preview", tooltip="The framed picture with the face that was found."),
                io.String.Output(
                    display_name="report", tooltip="Face, size, length, memory, and advice about the picture."
                ),
            ],
            **host.newer_keywords(
                search_aliases=[
                    "sonic predata",
                    "lip sync",
                    "talking head",
                    "digital human",
                    "face",
                    "数字人",
                    "对口型",
                ],
            ),
        )

    @classmethod
    @told_errors
    def execute(
        cls,
        model: Engine,
        image: Tensor,
        audio: Mapping[str, Any] | None,
        mask: Tensor | None = None,
        face_box: str = "",
        no_face: str = STOP,
        transparency: Tensor | None = None,
        bboxes: Any = None,
        **settings: Any,
    ) -> io.NodeOutput:
        check_model(model)
        wanted = Settings(**settings)
        progress = host.progress({"portrait": 4, "audio": 1})
        clip = clip_from_audio(audio)
        picture, notes = picture_from_images(image)
        picture = with_transparency(picture, transparency)
        with one_thread():
            portrait, area = portrait_of(model, picture, wanted.face_index, mask, face_box, no_face, progress, bboxes)
        with threads_for(model, *model.frame_size(portrait, wanted)):
            conditioning = model.prepare(portrait, clip, wanted, progress, area)
            cost = expected_cost(model, portrait, clip, wanted, area)
            length = conditioning.frame_count / conditioning.fps
            seconds = estimated_seconds(model, portrait, clip, wanted, length, progress)
        origin = Origin(portrait.digest, audio_digest(clip))
        warnings = (*idle_settings(model, wanted, settings), *conditioning.warnings)
        conditioning = replace(conditioning, notes=notes + conditioning.notes, warnings=warnings, origin=origin)
        found = face_picture(conditioning)
        text = told("\n".join(report_lines(conditioning, seconds, cost)))
        shown = picture_preview(found, text)
        return io.NodeOutput(conditioning, images_from_picture(found), text, ui=shown)
