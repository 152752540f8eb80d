"""The doors through which strange bytes come in: what each is given, and what it must give back."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import signal
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import seeds
from commands import EXIT_CODES, OUR_ERRORS
from mutation import json_mutant, mutant

from sonic_core import cli, errors


class Door:
    """Damaged copies of good files, each given to `open`, in a folder that must not hold anything else afterwards.

    make: writes the good files into a folder.  open: takes the path of a damaged copy; what it gives is not looked at.
    """

    cpu_seconds = 20
    """For one input; a good one takes under 2."""

    def __init__(self, folder: Path, make: Callable[[Path], list[Path]], open: Callable[[Path], object]) -> None:
        self.seeds = folder / "seeds"
        self.work = folder / "work"
        self.work.mkdir(exist_ok=True)
        if not self.seeds.exists():
            self.seeds.mkdir()
            make(self.seeds)
        self.files = sorted(path for path in self.seeds.iterdir() if path.is_file())
        self.open = open

    def warm_up(self) -> None:
        """Every good file is taken; what is loaded only once is loaded now."""
        for path in self.files:
            copy = self.work / path.name
            copy.write_bytes(path.read_bytes())
            self.open(copy)
            self.clear()

    def enter(self, number: int, rng: random.Random) -> None:
        good = self.files[number % len(self.files)]
        copy = self.work / good.name
        copy.write_bytes(self.damaged(good, rng))
        try:
            self.open(copy)
        finally:
            left = sorted(
                path.name for path in self.work.iterdir() if ".tmp" in path.name or path.name.endswith(".part")
            )
            if left:
                raise AssertionError(f"half a file was left: {', '.join(left)}")

    def damaged(self, good: Path, rng: random.Random) -> bytes:
        return mutant(good.read_bytes(), rng)

    def clear(self) -> None:
        for path in self.work.iterdir():
            path.unlink()


class JsonDoor(Door):
    """The same for a JSON file: its values are damaged, not its bytes."""

    def damaged(self, good: Path, rng: random.Random) -> bytes:
        return json_mutant(json.loads(good.read_text()), rng).encode("utf-8", "surrogatepass")


def command(*arguments: str | Path) -> dict:
    """A command of the command line: its JSON answer; AssertionError for one that its user could not understand."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = cli.main([*map(str, arguments), "--json", "--quiet"])
    answer = json.loads(out.getvalue().splitlines()[-1])
    kind = answer.get("error", "SonicError")
    if code not in EXIT_CODES or kind not in OUR_ERRORS:
        raise AssertionError(f"exit code {code}, {kind}: {answer.get('message')}")
    if "\x1b" in out.getvalue():
        raise AssertionError("an escape sequence reaches the terminal")
    return answer


def picture(path: Path) -> None:
    from sonic_core.portrait.loading import load_picture

    found = load_picture(path)
    assert found.image.dtype == np.uint8
    assert found.image.ndim == 3


def sound(path: Path) -> None:
    from sonic_core.audio.loading import load_audio

    clip = load_audio(path)
    assert np.isfinite(clip.samples).all()
    assert 1 <= len(clip.samples) <= 2


def clip(path: Path) -> None:
    """All that align and report read of a clip: its clock, its pictures, its sound."""
    from sonic_core.media.timed_sound import read_sound
    from sonic_core.media.timeline import read_shown_frames, read_timeline

    timeline = read_timeline(path)
    for _, _ in zip(read_shown_frames(timeline)[0], range(40), strict=False):
        pass
    for _, block in zip(range(1000), read_sound(timeline, 16_000, mono=True), strict=False):
        assert np.isfinite(block).all()


def inspected(path: Path) -> None:
    command("inspect", path)


def aligned(path: Path) -> None:
    command("align", path, "--output", path.with_name("aligned.mkv"))


def reported(path: Path) -> None:
    command("report", path, "--output", path.with_name("report.html"))


def interpolated(path: Path) -> None:
    command("interpolate", path, "--fps", "30", "--output", path.with_name("other_rate.mp4"))


def latents(path: Path) -> None:
    from sonic_core.engines.latents_file import load_latents

    load_latents(path, seeds.conditioning(), {"picture": "a" * 64, "settings": {"seed": 0}})


def checkpoint(path: Path) -> None:
    from sonic_core.models.weights import read_shapes, read_weights

    read_shapes(path)
    read_weights(path)


def converted(path: Path) -> None:
    from sonic_core.models.convert import convert_file

    convert_file(path, path.with_name("converted.safetensors"))


def cached(path: Path) -> None:
    """A picture is measured the same whatever lies in the cache."""
    from sonic_core.portrait.analysis import load_portrait

    found, right = load_portrait(seeds.SAMPLE, cache_dir=path.parent), seeds.measured_sample()
    assert np.allclose(found.landmarks, right.landmarks, atol=0.01), "the damaged measurement was believed"
    assert found.face_box == right.face_box or np.allclose(found.face_box, right.face_box, atol=0.01)


def sidecar(path: Path) -> None:
    """A config.json beside the weights of a network of the sonic engine, which is called after the folder that it belongs to."""
    from sonic_core.engines.sonic.loading import load_sonic

    models = seeds.sonic_models(path.name.startswith("wav2vec2"))
    place = models / seeds.SIDECARS[path.stem]
    good = place.read_bytes()
    try:
        place.write_bytes(path.read_bytes())
        load_sonic([models])
    finally:
        place.write_bytes(good)


def record(path: Path) -> None:
    """The list of what was downloaded, to which the next download adds."""
    from sonic_core.models.download import Fetched
    from sonic_core.models.download_record import write_record

    write_record(path.parent, {"sonic/unet.pth": Fetched("owner/name", "unet.pth", "c" * 40, 10, "0" * 64)})


def provenance(path: Path) -> None:
    """Tags of a file that somebody else wrote, as `inspect` checks and shows them."""
    from sonic_core.commands.inspect import describe_checks, describe_tags
    from sonic_core.media.provenance_check import check_provenance

    try:
        tags = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return
    if isinstance(tags, dict):
        texts = {key: value if isinstance(value, str) else _text(value) for key, value in tags.items()}
        checks = check_provenance(seeds.probed(texts), ("a" * 64,), ("b" * 64,))
        for line in (*describe_checks(checks, True), *describe_tags(texts, {check.subject for check in checks})):
            assert "\x1b" not in line


def workflow(path: Path) -> None:
    """A workflow, or what a server says about its nodes, with which three rows become prompts."""
    from contextlib import closing

    from fake_comfyui import DEFINITIONS

    from sonic_core.jobs.comfy_rows import PromptChecker, prompt_of
    from sonic_core.jobs.comfy_workflow import Workflow
    from sonic_core.jobs.ledger import Ledger
    from sonic_core.jobs.table import Row

    if path.stem == "definitions":
        try:
            known = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            return
        read = Workflow(path.parents[1] / "seeds" / "api.json", known)
    else:
        read = Workflow(path, DEFINITIONS)
    with tempfile.TemporaryDirectory() as folder, closing(Ledger(Path(folder))) as ledger:
        checker = PromptChecker(read, ledger, path.parent, False)
        for number, row in enumerate(seeds.ROWS):
            made = checker(Row(number + 1, row), lambda problem: None)
            if made is not None:
                job = json.loads(made.job)
                json.dumps(prompt_of(read, job, {name: "there" for _, _, name, _ in job["files"]}))


def table(path: Path) -> None:
    """The rows of a table, planned as a batch."""
    from contextlib import closing

    from sonic_core.jobs.ledger import Ledger
    from sonic_core.jobs.plan import check
    from sonic_core.jobs.table import read_rows

    with tempfile.TemporaryDirectory() as folder, closing(Ledger(Path(folder))) as ledger:
        check(read_rows(path), ledger, {}, Path(folder), False)


class Trap(Door):
    """What the fuzzer must notice, one after the other."""

    cpu_seconds = 1

    def enter(self, number: int, rng: random.Random) -> None:
        self.open = partial(trap, number)
        super().enter(number, rng)

    def warm_up(self) -> None:
        """Nothing to load."""


def trap(number: int, path: Path) -> None:
    if number == 0:
        1 / 0  # noqa: B018
    if number == 1:
        bytearray(3_000_000_000)
    if number == 2:
        os.kill(os.getpid(), signal.SIGSEGV)
    while number == 3:
        pass
    if number == 4:
        path.with_name(".sonic-0.tmp.mp4").touch()
    if number == 5:
        raise errors.AudioError("as it should be")


def _text(value: object) -> str:
    try:
        return json.dumps(value)
    except RecursionError:
        return "[" * 100_000


DOORS: Mapping[str, Callable[[Path], Door]] = {
    "picture": lambda folder: Door(folder, seeds.pictures, picture),
    "sound": lambda folder: Door(folder, seeds.sounds, sound),
    "clip": lambda folder: Door(folder, seeds.clips, clip),
    "inspect": lambda folder: Door(folder, seeds.clips, inspected),
    "interpolate": lambda folder: Door(folder, seeds.short_clips, interpolated),
    "align": lambda folder: Door(folder, seeds.speaking_clips, aligned),
    "report": lambda folder: Door(folder, seeds.speaking_clips, reported),
    "latents": lambda folder: Door(folder, seeds.latents, latents),
    "checkpoint": lambda folder: Door(folder, seeds.checkpoints, checkpoint),
    "convert": lambda folder: Door(folder, seeds.checkpoints, converted),
    "cache": lambda folder: Door(folder, seeds.cache_files, cached),
    "sidecar": lambda folder: JsonDoor(folder, seeds.sidecars, sidecar),
    "download record": lambda folder: JsonDoor(folder, seeds.records, record),
    "trap": lambda folder: Trap(folder, seeds.records, None),
    "workflow": lambda folder: JsonDoor(folder, seeds.workflows, workflow),
    "workflow file": lambda folder: Door(folder, seeds.workflows, workflow),
    "table": lambda folder: JsonDoor(folder, seeds.table_values, table),
    "table file": lambda folder: Door(folder, seeds.tables, table),
    "provenance": lambda folder: JsonDoor(folder, seeds.tags, provenance),
}
