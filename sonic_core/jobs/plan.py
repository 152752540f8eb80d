"""Plan of a batch: every row checked before the first frame, all problems at once, and what each clip's key is."""

from __future__ import annotations

import hashlib
import json
import shutil
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from .. import __version__
from ..engines.declaration import CHOSEN, DEVICE, FOLDERS
from ..engines.registry import declaration
from ..errors import OutputError, SettingsError, SonicError
from ..job import Job
from ..job_json import job_from_values
from ..models.fingerprint import fingerprint
from ..models.locate import locate, models_folders
from .columns import job_values, unknown
from .ledger import Ledger, Planned
from .sources import PICTURE, RECORDING, Source, Sources
from .table import Row

KINDS = (".mp4", ".webm", ".gif", ".png")
MOST_SHOWN = 100
NOT_IN_KEY = ("picture", "recording", "output", "overwrite")
# Measured on the sample at 256 and 512 px, crf 18: 0.04 to 0.07 bits per pixel and frame in an mp4, 15 in a PNG sequence, 6 in a GIF.
BITS_PER_PIXEL = {".png": 16.0, ".gif": 7.0}
USUAL_BITS_PER_PIXEL = 0.12
SPARE_ROOM, SPARE_SHARE = 100e6, 0.02  # bytes that a disk keeps free, of a small one a share
FORBIDDEN = '<>:"|?*\\'  # what Windows and shared folders cannot hold, and the backslash
PLANNING = """
create temp table planned (output text primary key, folded text unique, row integer, key text, job text, seconds real) without rowid
"""


@dataclass
class Plan:
    """What a batch is going to do.  clips: all; kept: of them, those that are done or in work; seconds: of video still to make.

    room: bytes that this takes, by estimate.  problems: a sentence each, with the row's number; problem_count: all of them.
    """

    clips: int = 0
    kept: int = 0
    seconds: float = 0.0
    room: float = 0.0
    problems: list[str] = field(default_factory=list)
    problem_count: int = 0

    def problem(self, text: str) -> None:
        self.problem_count += 1
        if len(self.problems) < MOST_SHOWN:
            self.problems.append(text)

    def raise_problems(self) -> None:
        """SettingsError that lists all problems, if there are any."""
        if self.problem_count:
            more = self.problem_count - len(self.problems)
            listed = "\n".join(f"  {text}" for text in self.problems) + (f"\n  and {more} more" if more else "")
            raise SettingsError(f"{self.problem_count} problem(s); nothing was begun:\n{listed}")


def check(rows: Iterable[Row], ledger: Ledger, base: Mapping[str, Any], folder: Path, overwrite: bool = False) -> Plan:
    """Look at every row; what is to be done stands in the ledger's temporary table afterwards (see `planned`).

    base: JSON values of a job, for what the rows leave out.  folder: of the table, where relative paths begin.  overwrite: files of the
    output folder that no batch has made may be replaced.  Memory does not grow with the number of rows.
    """
    ledger.db.execute("drop table if exists temp.planned")
    ledger.db.execute(PLANNING)
    plan, checker = Plan(), _Checker(ledger, base, folder, overwrite)
    try:
        for row in rows:
            checker(row, plan)
    except SettingsError as error:  # of the table itself: reading cannot go on
        plan.problem(str(error))
    disk = shutil.disk_usage(ledger.folder)
    free = disk.free
    if plan.room > free - min(SPARE_ROOM, SPARE_SHARE * disk.total):
        plan.problem(
            f"the clips need about {plan.room / 1e9:.1f} GB, but {ledger.folder} has {free / 1e9:.1f} GB free. Free some space or choose "
            "another folder."
        )
    return plan


def planned(ledger: Ledger) -> Iterator[Planned]:
    """The clips that `check` has noted, in the order of their rows."""
    for row in ledger.db.execute("select output, row, key, job from temp.planned order by row"):
        yield Planned(*row)


def trial_job(ledger: Ledger) -> str | None:
    """JSON of the longest clip that is still to be made, None = all are done."""
    for output, row, key, job in ledger.db.execute(
        "select output, row, key, job from temp.planned order by seconds desc"
    ):
        if not ledger.is_kept(Planned(output, row, key, job)):
            return job
    return None


class _Checker:
    """Checks rows one by one, and keeps what they share."""

    def __init__(self, ledger: Ledger, base: Mapping[str, Any], folder: Path, overwrite: bool) -> None:
        self.ledger, self.base, self.folder, self.overwrite = ledger, base, folder, overwrite
        self.sources = Sources(ledger)
        self.told: set[str] = set()
        self.inside: dict[str, bool] = {}  # folders in the output folder: whether links lead out of it

    def __call__(self, row: Row, plan: Plan) -> None:
        plan.clips += 1
        for text in unknown(row.values):
            if text not in self.told:
                self.told.add(text)
                plan.problem(f"row {row.number}: {text}")
        known = {name: value for name, value in row.values.items() if not unknown({name: value})}
        try:
            values = job_values(known, self.base, self.folder)
            missing = [short for short, name in (("image", "picture"), ("audio", "recording")) if not values.get(name)]
            if missing:
                raise SettingsError(f"{' and '.join(missing)} not given. Fill the column, or give one for all rows.")
            values.setdefault("output", f"{Path(values['picture']).stem}_{Path(values['recording']).stem}.mp4")
            job = job_from_values(values)
            output = self._output(job.output)
        except SonicError as error:
            plan.problem(f"row {row.number}: {error}")
            return
        self._note(row, plan, job, values, output)

    def _note(self, row: Row, plan: Plan, job: Job, values: dict[str, Any], output: str) -> None:
        found: dict[str, Source] = {}
        for kind, path in ((PICTURE, job.picture), (RECORDING, job.recording), ("mask", job.face.mask)):
            if path is not None:
                try:
                    found[kind] = self.sources(path, PICTURE if kind == "mask" else kind)
                except SonicError as error:
                    plan.problem(f"row {row.number}: {error}")
        if job.picture is None or job.recording is None or not {PICTURE, RECORDING} <= set(found):
            return
        values = {**values, "tags": {"title": PurePosixPath(output).stem, **(values.get("tags") or {})}}
        key = _key(job, values, {kind: source.digest for kind, source in found.items()})
        seconds = job.settings.duration or found[RECORDING].seconds
        stored = json.dumps(values, ensure_ascii=False)
        folded = unicodedata.normalize("NFC", output).casefold()  # one name on disks that do not tell case
        noted = self.ledger.db.execute(
            "insert or ignore into temp.planned values (?,?,?,?,?,?)",
            (output, folded, row.number, key, stored, seconds),
        ).rowcount
        if not noted:
            (first,) = self.ledger.db.execute("select row from temp.planned where folded = ?", (folded,)).fetchone()
            plan.problem(f"row {row.number}: the output {output} is row {first}'s too. Give each row its own name.")
            return
        if self.ledger.is_kept(Planned(output, row.number, key, stored)):
            plan.kept += 1
            return
        if not self.overwrite and (self.ledger.folder / output).exists() and not self.ledger.knows(output):
            plan.problem(
                f"row {row.number}: {output} exists and was not made by a batch. Rename it, or replace it with --overwrite."
            )
        plan.seconds += seconds
        plan.room += _room(job, found[PICTURE], seconds)

    def _output(self, output: Path | None) -> str:
        """The name in the output folder of what will stand there: a folder for a PNG sequence.  Raises OutputError."""
        assert output is not None
        inside = PurePosixPath(output.as_posix())
        if output.is_absolute() or inside.is_absolute() or output.drive or ".." in inside.parts:
            raise OutputError(f"the output {output} lies outside the output folder. Give a name, or a path inside it.")
        if output.suffix.lower() not in KINDS:
            raise OutputError(
                f"the output {output} is of no known kind; expected a name that ends in {', '.join(KINDS)}."
            )
        if any(sign in FORBIDDEN or not sign.isprintable() for sign in str(inside)):
            raise OutputError(f"the output {str(output)!r} has signs that file names cannot have: {FORBIDDEN}")
        if inside.parts[0].startswith(".sonic-batch") or any(len(part.encode()) > 250 for part in inside.parts):
            raise OutputError(f"the output {output} cannot be used as a name. Choose a shorter or another one.")
        if not self._stays_inside(str(inside.parent)):
            raise OutputError(f"the output {output} leads out of the output folder by a link. Give another name.")
        return str(inside.with_suffix("")) if output.suffix.lower() == ".png" else str(inside)

    def _stays_inside(self, parent: str) -> bool:
        if parent not in self.inside:
            self.inside[parent] = (self.ledger.folder / parent).resolve().is_relative_to(self.ledger.folder.resolve())
        return self.inside[parent]


def _key(job: Job, values: Mapping[str, Any], digests: Mapping[str, str]) -> str:
    """Digest of all that a clip is made from: what the same bytes come from has the same key, wherever the files lie."""
    options = {
        name: value for name, value in (values.get("options") or {}).items() if name not in (DEVICE, FOLDERS, CHOSEN)
    }
    made_from = {
        **{name: value for name, value in values.items() if name not in NOT_IN_KEY},
        "face": {**(values.get("face") or {}), "mask": digests.get("mask")},
        "options": options,
        "files": dict(digests),
        "kind": job.output.suffix.lower() if job.output else "",
        "weights": _weights(
            job.engine, tuple(job.options.get(FOLDERS) or ()), tuple((job.options.get(CHOSEN) or {}).items())
        ),
        "version": __version__,
    }
    return hashlib.sha256(json.dumps(made_from, sort_keys=True, default=str).encode()).hexdigest()


@cache
def _weights(engine: str, folders: tuple[Path, ...], chosen: tuple[tuple[str, Path], ...]) -> tuple[str, ...]:
    """Cheap digests of an engine's weights: those that it finds in the models folders, and those in the package."""
    package = Path(__file__).parents[1]
    inside = sorted(package.rglob("*.safetensors")) if not declaration(engine).weights else []
    found, _ = locate(declaration(engine).weights, folders or models_folders(), dict(chosen))
    return tuple(fingerprint(path) for path in [*inside, *(found[key] for key in sorted(found))])


def _room(job: Job, picture: Source, seconds: float) -> float:
    """Bytes that a clip will take, rather too many."""
    width, height = picture.width or 1080, picture.height or 1080
    short = job.settings.min_resolution or job.declaration.default_short_side or min(1080, width, height)
    scale = min(short / max(1, min(width, height)), 1.0) if job.settings.framing != "face" else 1.0
    pixels = short * short if job.settings.framing == "face" else width * height * scale * scale
    bits = BITS_PER_PIXEL.get(job.output.suffix.lower() if job.output else "", USUAL_BITS_PER_PIXEL)
    fps = job.output_fps or job.declaration.fps
    return seconds * (pixels * fps * bits + job.encoding.audio_bitrate) / 8
