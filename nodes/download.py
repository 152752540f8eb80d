"""Download: the weights that an engine lacks, fetched by running a node."""

from __future__ import annotations

from typing import Any

from ..sonic_core.engines.registry import declaration, declarations
from ..sonic_core.errors import SettingsError
from ..sonic_core.models.download_list import place_in, size_of, summed_up
from ..sonic_core.models.missing import Download as OneFile
from ..sonic_core.models.missing import missing_downloads
from ..sonic_core.progress import Preview, Progress
from . import host
from .engine_inputs import chosen_files
from .host import io
from .told import told, told_errors

NOT_ACCEPTED = "not accepted"


def accepted() -> str:
    """The choice that accepts: it names the licences itself, so that other licences want another choice."""
    licences = dict.fromkeys(file.licence for engine in declarations() for file in engine.weights)
    return f"I accept: {'; '.join(licences)}"


class Download(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SonicDownload",
            display_name="Sonic Download",
            category="Sonic",
            description=(
                "Fetches the weights that an engine lacks into ComfyUI's models folders, once their licences are accepted. "
                "Cancel keeps what has come; the next run goes on from there."
            ),
            is_output_node=True,
            inputs=[
                io.Combo.Input(
                    "engine",
                    options=[engine.name for engine in declarations() if engine.weights],
                    tooltip="Whose weights.",
                ),
                io.Combo.Input(
                    "licences",
                    options=[NOT_ACCEPTED, accepted()],
                    default=NOT_ACCEPTED,
                    tooltip="Not accepted = a run lists files, sizes, sources and licences and fetches nothing. "
                    "A graph that is opened arrives not accepted.",
                ),
            ],
            outputs=[
                io.String.Output(
                    display_name="report", tooltip="What is missing, or what was fetched and where it lies."
                )
            ],
            **host.newer_keywords(
                search_aliases=["sonic", "download", "weights", "models", "missing models", "下载", "权重", "模型"]
            ),
        )

    @classmethod
    def fingerprint_inputs(cls, engine: str, **_: object) -> str:
        """Another one whenever other files are missing, so that ComfyUI does not keep an old answer."""
        try:
            return " ".join(str(download.target) for download in missing(engine))
        except SettingsError:
            return ""

    @classmethod
    @told_errors
    def execute(cls, engine: str, licences: str = NOT_ACCEPTED) -> io.NodeOutput:
        downloads, into = missing(engine), host.models_folder()
        if not downloads:
            return shown(f"All weights of the {engine} engine are there already.")
        words = summed_up(downloads, into)
        if licences != accepted():
            return shown(
                *words, "Nothing was fetched: choose the second entry of licences to accept them, and run again."
            )
        from ..sonic_core.models.download import check_offered, fetch
        from ..sonic_core.models.download_record import write_record

        progress = host.progress({"asking": 1, "downloading": 999}, words=True)
        check_offered(downloads, progress)
        total, done = size_of(downloads), 0
        for download in downloads:
            place = place_in(into, download)
            fetched = fetch(download, part_of(progress, done, total))
            record = write_record(into, {place: fetched})
            done += download.remote.size
        return shown(
            *(f"Fetched: {place_in(into, download)}" for download in downloads),
            f"Done. Commits and checksums are written down in {record}.",
        )


def missing(engine: str) -> list[OneFile]:
    """What is in none of ComfyUI's folders.  Raises SettingsError for an engine that is not known."""
    its = declaration(engine)
    return missing_downloads(its.weights, [host.models_folder()], host.model_place, chosen_files(its, {}))


def part_of(progress: Progress, before: int, whole: int) -> Progress:
    """Megabytes of one file told as those of all.  before, whole: bytes."""

    def tell(stage: str, done: int, total: int, preview: Preview | None = None) -> None:
        if stage == "downloading":
            done, total = before // 10**6 + done, -(-whole // 10**6)
        progress(stage, done, total, preview)

    return tell


def shown(*lines: str) -> io.NodeOutput:
    text = told("\n".join(lines))
    ui: dict[str, Any] = {"text": [text]}
    return io.NodeOutput(text, ui=ui)
