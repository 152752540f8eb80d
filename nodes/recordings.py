"""Recordings: the lines of a script, from the input folder, as a list that makes one clip each."""

from __future__ import annotations

from pathlib import PurePath

from ..sonic_core.audio.loading import load_audio
from ..sonic_core.errors import SettingsError, SonicError
from . import host
from .convert import audio_from_clip
from .host import io
from .told import told, told_errors

PREFIX = "sonic/"


class Recordings(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SonicRecordings",
            display_name="Recordings (Sonic)",
            category="Sonic",
            description="Several recordings as a list: a node that makes a video makes one of each.",
            inputs=[
                io.String.Input(
                    "files",
                    default="",
                    multiline=True,
                    tooltip="One file of ComfyUI's input folder a line, or many by a star: script/*.wav, in the order of their names. "
                    "Several recordings dropped on the node are uploaded and added.",
                )
            ],
            outputs=[
                io.Audio.Output(
                    display_name="audio", tooltip="The recordings, each at its own rate.", is_output_list=True
                ),
                io.String.Output(
                    display_name="filename_prefix",
                    tooltip="A name for each clip, after its recording: connect it to the filename_prefix of Sonic Generate.",
                    is_output_list=True,
                ),
            ],
            **host.newer_keywords(
                search_aliases=[
                    "script",
                    "batch",
                    "audio list",
                    "load audio",
                    "several clips",
                    "批量",
                    "台词",
                    "音频列表",
                ],
            ),
        )

    @classmethod
    def validate_inputs(cls, files: str | None = None) -> bool | str:
        if files is None:  # connected: known when the graph runs
            return True
        try:
            names_of(files)
        except SonicError as error:
            return told(str(error), "SonicRecordings")
        return True

    @classmethod
    def fingerprint_inputs(cls, files: str) -> str:
        return "\n".join(host.file_fingerprint(name) for name in names_of(files))

    @classmethod
    @told_errors
    def execute(cls, files: str) -> io.NodeOutput:
        names, clips = names_of(files), []
        progress = host.progress({"audio": 1})
        for done, name in enumerate(names):
            progress("audio", done, len(names))
            clips.append(audio_from_clip(load_audio(host.input_path(name))))
        return io.NodeOutput(clips, [PREFIX + PurePath(name).stem for name in names])


def names_of(files: str) -> list[str]:
    """Files of the input folder, line by line.

    Raises SettingsError for text without any, for names that lead out of the folder or to nothing, and stars that match no recording.
    """
    names: list[str] = []
    for line in filter(None, map(str.strip, files.splitlines())):
        if "*" in line:
            names += host.input_files_like(line)
        else:
            names.append(line)
    for name in names:
        host.input_path(name)
    if not names:
        raise SettingsError(
            "files is empty. Name a recording of ComfyUI's input folder on each line, or drop some on the node."
        )
    return names
