"""LoadAudio: a recording, or the sound of a video, from the input folder."""

from __future__ import annotations

from ..sonic_core.audio.loading import load_audio
from . import host
from .convert import audio_from_clip
from .host import io
from .told import told, told_errors


class LoadAudio(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SonicLoadAudio",
            display_name="Load Audio (Sonic)",
            category="Sonic",
            description="Loads a recording, or the sound of a video, at its own rate; takes a part of it if asked.",
            inputs=[
                io.Combo.Input(
                    "audio",
                    options=host.sound_files(),
                    upload=io.UploadType.audio,
                    tooltip="A file in ComfyUI's input folder: wav, mp3, m4a, flac, ogg, or a video with sound.",
                ),
                io.Float.Input(
                    "start", default=0.0, min=0.0, max=36_000.0, step=0.01, tooltip="Seconds to skip at the beginning."
                ),
                io.Float.Input(
                    "length",
                    default=0.0,
                    min=0.0,
                    max=36_000.0,
                    step=0.01,
                    tooltip="Seconds to take from there; 0 = to the end.",
                ),
                io.Boolean.Input(
                    "trim_silence",
                    default=False,
                    tooltip="Cut silence off both ends; pauses inside stay, and 0.1 s is kept as breath.",
                ),
            ],
            outputs=[
                io.Audio.Output(display_name="audio", tooltip="The recording at its own rate."),
                io.Float.Output(display_name="duration", tooltip="Its length in seconds."),
            ],
            **host.newer_keywords(
                search_aliases=["load audio", "speech", "voice", "lip sync", "talking head", "加载音频", "对口型"],
            ),
        )

    @classmethod
    def validate_inputs(cls, audio: str) -> bool | str:
        try:
            host.input_path(audio)
        except host.SettingsError as error:
            return told(str(error))
        return True

    @classmethod
    def fingerprint_inputs(cls, audio: str, **_: object) -> str:
        return host.file_fingerprint(audio)

    @classmethod
    @told_errors
    def execute(cls, audio: str, start: float = 0.0, length: float = 0.0, trim_silence: bool = False) -> io.NodeOutput:
        clip = load_audio(host.input_path(audio), start, length, trim_silence)
        return io.NodeOutput(audio_from_clip(clip), clip.duration)
