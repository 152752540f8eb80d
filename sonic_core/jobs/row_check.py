"""A row of a table, checked: what its clip is made from, what it will be called and take, and its key.

Rows of a long table mostly differ in their files, names and seeds alone: the rest is checked once per pattern, not once per row.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from ..background import background_of
from ..engines.declaration import CHOSEN, DEVICE, FOLDERS
from ..engines.registry import declaration
from ..errors import SettingsError, SonicError
from ..job import Job
from ..job_json import job_from_values
from ..models.fingerprint import fingerprint
from ..models.locate import locate, models_folders
from ..version import __version__
from .columns import job_values, unknown
from .ledger import Ledger
from .output_names import OutputNames, folded, stem
from .remote_files import is_url
from .sources import PICTURE, RECORDING, Source, Sources
from .table import Row

OWN = ("image", "audio", "output", "seed")
"""What each row may have of its own without being another pattern."""
MOST_PATTERNS = 256
SEEDS, MOST_DIGITS = range(2**64), 20
NOT_IN_KEY = ("picture", "recording", "output", "overwrite")
# Measured on the sample at 256 and 512 px, crf 18: 0.04 to 0.07 bits per pixel and frame in an mp4, 15 in a PNG sequence, 6 in a GIF;
# of a cut-out 9.6 in ProRes 4444.
BITS_PER_PIXEL = {".png": 16.0, ".gif": 7.0, ".mov": 10.0}
USUAL_BITS_PER_PIXEL = 0.12


@dataclass(frozen=True)
class Candidate:
    """A clip whose row is right.  output: in the output folder.  folded: the same for disks that do not tell case.  job: JSON text.

    key: digest of all that it is made from.  seconds: of video.  room: bytes, by estimate.  replaces_a_strangers: a file of that name is
    there, no batch has made it, and it may not be replaced.
    """

    output: str
    folded: str
    row: int
    key: str
    job: str
    seconds: float
    room: float
    replaces_a_strangers: bool


@dataclass(frozen=True)
class Pattern:
    """What rows share.  job: of the first of them.  values: JSON values of a job without what is each row's own."""

    job: Job
    values: Mapping[str, Any]
    rates: dict[tuple[str, int, int], float] = field(default_factory=dict)

    @cached_property
    def made_from(self) -> str:
        """All that enters a key and is shared, as JSON; the contents of files come from each row."""
        job, options = self.job, self.values.get("options") or {}
        folders, chosen = job.options.get(FOLDERS) or (), job.options.get(CHOSEN) or {}
        shared = {
            **{name: value for name, value in self.values.items() if name not in NOT_IN_KEY},
            "face": {**(self.values.get("face") or {}), "mask": None},
            "background": None if isinstance(background_of(job.background), Path) else job.background,
            "options": {name: value for name, value in options.items() if name not in (DEVICE, FOLDERS, CHOSEN)},
            "weights": _weights(job.engine, tuple(folders), tuple(chosen.items())),
            "version": __version__,
        }
        return json.dumps(shared, sort_keys=True, default=str)

    def bytes_per_second(self, kind: str, width: int, height: int) -> float:
        """Bytes that a second of video will take, rather too many.  width, height: px of the picture, 0 = not known."""
        if (kind, width, height) not in self.rates:
            self.rates[kind, width, height] = _bytes_per_second(self.job, kind, width or 1080, height or 1080)
        return self.rates[kind, width, height]


class RowChecker:
    """Checks rows one by one, and keeps what they share.

    base: JSON values of a job, for what the rows leave out.  folder: of the table, where relative paths begin.  overwrite: files of the
    output folder that no batch has made may be replaced.  engines: names of those that rows have asked for so far.
    """

    def __init__(self, ledger: Ledger, base: Mapping[str, Any], folder: Path, overwrite: bool) -> None:
        self.base, self.folder = base, folder
        self.sources = Sources(ledger)
        self.patterns: dict[str, Pattern] = {}
        self.engines: set[str] = set()
        self.told: set[str] = set()
        self.names = OutputNames(ledger, overwrite)

    def __call__(self, row: Row, problem: Callable[[str], None]) -> Candidate | None:
        """The row's clip; None when something is wrong, and `problem` has heard what."""
        try:
            pattern, values = self._understood(row, problem)
            output, kind = self.names.checked(values["output"])
        except SonicError as error:
            problem(f"row {row.number}: {error}")
            return None
        found: dict[str, Source] = {}
        files = {PICTURE: values[PICTURE], RECORDING: values[RECORDING]}
        if pattern.job.face.mask is not None:
            files["mask"] = str(pattern.job.face.mask)
        if isinstance(behind := background_of(pattern.job.background), Path):
            files["background"] = str(behind)
        for name, path in files.items():
            try:
                found[name] = self.sources(path, RECORDING if name == RECORDING else PICTURE)
            except SonicError as error:
                problem(f"row {row.number}: {error}")
        if not {PICTURE, RECORDING} <= set(found):
            return None
        seconds = pattern.job.settings.duration or found[RECORDING].seconds
        output = output[: -len(kind)] if kind == ".png" else output  # a folder of pictures
        return Candidate(
            output,
            folded(output),
            row.number,
            _key(pattern, values, kind, found),
            json.dumps(values, ensure_ascii=False),
            seconds,
            seconds * pattern.bytes_per_second(kind, found[PICTURE].width, found[PICTURE].height),
            self.names.is_a_strangers(output),
        )

    def _understood(self, row: Row, problem: Callable[[str], None]) -> tuple[Pattern, dict[str, Any]]:
        """The pattern of a row and the JSON values of its job.  Raises SonicError for what is no job."""
        shape = repr([item for item in row.values.items() if item[0] not in OWN])
        pattern = self.patterns.get(shape)
        if pattern is not None and (values := self._overlaid(pattern, row.values)) is not None:
            return pattern, values
        for text in unknown(row.values):
            if text not in self.told:
                self.told.add(text)
                problem(f"row {row.number}: {text}")
        known = {name: value for name, value in row.values.items() if not unknown({name: value})}
        values = self._named(job_values(known, self.base, self.folder))
        shared = job_values({name: value for name, value in known.items() if name not in OWN}, self.base, self.folder)
        pattern = Pattern(job_from_values(values), shared)
        self.engines.add(pattern.job.engine)
        if len(self.patterns) >= MOST_PATTERNS:
            self.patterns.clear()
        if len(known) == len(row.values):
            self.patterns[shape] = pattern
        return pattern, values

    def _overlaid(self, pattern: Pattern, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """The values of a row of a known pattern; None when its own cells want a closer look."""
        values = dict(pattern.values)
        for short, name in (("image", PICTURE), ("audio", RECORDING), ("output", "output")):
            if (given := row.get(short)) is not None:
                if not isinstance(given, str):
                    return None
                values[name] = given if short == "output" else self._path(given)
        if (seed := row.get("seed")) is not None:
            if isinstance(seed, str) and seed.isdecimal() and len(seed) <= MOST_DIGITS:
                seed = int(seed)
            if type(seed) is not int or seed not in SEEDS:
                return None
            values["settings"] = {**(values.get("settings") or {}), "seed": seed}
        return self._named(values)

    def _path(self, given: str) -> str:
        if is_url(given):
            return given
        return os.path.join(self.folder, os.path.expanduser(given) if given.startswith("~") else given)

    def _named(self, values: dict[str, Any]) -> dict[str, Any]:
        """With the name that an output gets where none was chosen, and its title.  Raises SettingsError: no picture, no recording."""
        missing = [short for short, name in (("image", PICTURE), ("audio", RECORDING)) if not values.get(name)]
        if missing:
            raise SettingsError(f"{' and '.join(missing)} not given. Fill the column, or give one for all rows.")
        if not values.get("output"):
            values["output"] = f"{stem(str(values[PICTURE]))}_{stem(str(values[RECORDING]))}.mp4"
        tags = values.get("tags") or {}
        if isinstance(tags, Mapping):  # others are refused where the job is made
            values["tags"] = {"title": stem(str(values["output"])), **tags}
        return values


def _key(pattern: Pattern, values: Mapping[str, Any], kind: str, found: Mapping[str, Source]) -> str:
    """Digest of all that a clip is made from: what the same bytes come from has the same key, wherever the files lie."""
    settings = values.get("settings") or {}
    own = [settings.get("seed"), values["tags"], kind, {name: source.digest for name, source in found.items()}]
    return hashlib.sha256(f"{pattern.made_from}\n{json.dumps(own, sort_keys=True)}".encode()).hexdigest()


@cache
def _weights(engine: str, folders: tuple[Path, ...], chosen: tuple[tuple[str, Path], ...]) -> tuple[str, ...]:
    """Cheap digests of an engine's weights: those that it finds in the models folders, and those in the package."""
    package = Path(__file__).parents[1]
    inside = sorted(package.rglob("*.safetensors")) if not declaration(engine).weights else []
    found, _ = locate(declaration(engine).weights, folders or models_folders(), dict(chosen))
    return tuple(fingerprint(path) for path in [*inside, *(found[key] for key in sorted(found))])


def _bytes_per_second(job: Job, kind: str, width: int, height: int) -> float:
    short = job.settings.min_resolution or job.declaration.default_short_side or min(1080, width, height)
    scale = min(short / max(1, min(width, height)), 1.0) if job.settings.framing != "face" else 1.0
    pixels = short * short if job.settings.framing == "face" else width * height * scale * scale
    fps = job.output_fps or job.declaration.fps
    return (pixels * fps * BITS_PER_PIXEL.get(kind, USUAL_BITS_PER_PIXEL) + job.encoding.audio_bitrate) / 8
