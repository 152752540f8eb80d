"""Constants changed on purpose, one at a time: each must turn a golden test red (test_mutations.py).

`python -m tests.golden.mutations NAME` runs the golden tests in a process in which the source of one module is read with one change;
no file is touched.  A mutation whose text is no longer in its module is an error: find where the thing has gone and follow it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path

GONE = 9  # exit code for a mutation that could not be made

RENDERER = "sonic_core.engines.lite.renderer"
LITE = "sonic_core.engines.lite"


@dataclass(frozen=True)
class Mutation:
    """In the source of `module`, `old`, which stands there once, becomes `new`; the tests of pictures, curves or figures must see it."""

    name: str
    module: str
    old: str
    new: str

    @property
    def guard(self) -> str:
        """The test file that turns red."""
        if self.module.startswith(RENDERER):
            return "test_pictures.py"
        return "test_curves.py" if self.module.startswith(LITE) else "test_figures.py"

    def applied(self, source: str) -> str:
        if source.count(self.old) != 1:
            raise LookupError(
                f"mutation {self.name!r}: {self.old!r} stands {source.count(self.old)} times in {self.module}, expected once. "
                "Follow what it changed to where it is now (tests/golden/mutations.py)."
            )
        return source.replace(self.old, self.new)


MUTATIONS = (
    Mutation("chin share halved", f"{RENDERER}.mouth_fields", "CHIN_AT = 0.80,", "CHIN_AT = 0.40,"),
    Mutation("lip corner share to a quarter", f"{RENDERER}.mouth_fields", "CORNER_BEYOND = 0.42,", "CORNER_BEYOND = 0.105,"),
    Mutation("upper lip does not rise", f"{RENDERER}.mouth_fields", "UPPER_FALL = -0.09,", "UPPER_FALL = -0.0,"),
    Mutation("jaw drops straight", f"{RENDERER}.mouth_fields", "JAW_FORWARD = 0.45", "JAW_FORWARD = 0.0"),
    Mutation("rounded lips not fuller", f"{RENDERER}.mouth_fields", "FULLNESS_SMILE = 0.16,", "FULLNESS_SMILE = 0.0,"),
    Mutation("lip shade times three", f"{RENDERER}.mouth_layers", "LOWER_SHADE = 0.30, 0.22", "LOWER_SHADE = 0.30, 0.66"),
    Mutation("tooth corridor removed", f"{RENDERER}.cavity", "CORRIDOR_LENGTH = (0.12, 0.88)", "CORRIDOR_LENGTH = (1.0, 0.0)"),
    Mutation("tooth corridor of the arch removed", f"{RENDERER}.mouth_interior", "CORRIDOR_EASE = 0.75,", "CORRIDOR_EASE = 0.0,"),
    Mutation("teeth white, not warm", f"{RENDERER}.palette", "np.array([1.06, 0.975, 0.80])", "np.array([1.0, 1.0, 1.0])"),
    Mutation("relighting off", f"{RENDERER}.relight", "if not weights.any():", "if True:"),
    Mutation("folds of a smile stay", f"{RENDERER}.relaxed_skin", "folds = self.unfolding * rounded", "folds = 0.0 * rounded"),
    Mutation("no lash line", f"{RENDERER}.eyelids", "* ends * eye.lash_strength", "* ends * 0.0"),
    Mutation("no shadow under the lid", f"{RENDERER}.eyelids", "LEAST_SHADE = 0.38,", "LEAST_SHADE = 0.0,"),
    Mutation("gaze halved", f"{RENDERER}.face_fields", "GAZE_X, GAZE_Y = 0.045,", "GAZE_X, GAZE_Y = 0.0225,"),
    Mutation("brows lift less", f"{RENDERER}.face_fields", "BROW_LIFT, LID_DRAG = 0.075,", "BROW_LIFT, LID_DRAG = 0.055,"),
    Mutation("glasses bend with the brows", f"{RENDERER}.renderer", "GLASSES_BROW = 0.3", "GLASSES_BROW = 1.0"),
    Mutation("network closes lips at will", f"{LITE}.motion_rules", "CLOSURE_TOLERANCE = 0.15", "CLOSURE_TOLERANCE = 0.45"),
    Mutation("motion begins at once", f"{LITE}.motion_rules", "EASE_IN = 0.8", "EASE_IN = 0.2"),
    Mutation("yaw sluggish", f"{LITE}.motion_rules", '"yaw": 0.06,', '"yaw": 0.18,'),
    Mutation("eyes follow the head less", f"{LITE}.motion_rules", "GAZE_PER_PITCH = -1 / 14,", "GAZE_PER_PITCH = -1 / 28,"),
    Mutation("blinks slower", f"{LITE}.blinks", "= 0.080, 0.040, 0.160", "= 0.120, 0.040, 0.160"),
    Mutation("sibilants open the jaw", f"{LITE}.lip_parting", "JAW_SPARED = 0.5", "JAW_SPARED = 0.0"),
    Mutation("happiness smiles less", f"{LITE}.emotion", '"happy": {"smile": 0.85,', '"happy": {"smile": 0.6,'),
    Mutation("retiming roll-off", "sonic_core.media.speed", "CUT_OFF = 0.975", "CUT_OFF = 0.925"),
    Mutation("latent length tolerance", "sonic_core.engines.latents_file", "> 1 / latents.fps", "> 3 / latents.fps"),
    Mutation("foreign sound trusted", "sonic_core.judging.synchrony", "_SHORTNESS = 0.15, 0.52", "_SHORTNESS = 0.15, 0.40"),
    Mutation("offsets tolerated", "sonic_core.judging.methods", "DEFAULT_TOLERANCE_MS = 30.0", "DEFAULT_TOLERANCE_MS = 45.0"),
    Mutation("smoothing forgets sooner", "sonic_core.smoothing.methods", "_DECAY_AT_FULL = 0.91", "_DECAY_AT_FULL = 0.75"),
    Mutation("paste-back with a hard edge", "sonic_core.portrait.paste_back", "FEATHER = 0.06", "FEATHER = 0.01"),
)  # fmt: skip


class _MutatedLoader(SourceFileLoader):
    """Reads a module's source with the mutation in it, past all compiled files."""

    mutation: Mutation

    def get_code(self, fullname: str):
        path = self.get_filename(fullname)
        return compile(self.mutation.applied(Path(path).read_text(encoding="utf-8")), path, "exec")


class _Finder:
    """Import hook for the one module that a mutation changes."""

    def __init__(self, mutation: Mutation) -> None:
        self._mutation, self.done = mutation, False

    def find_spec(self, name: str, path=None, target=None) -> ModuleSpec | None:
        if name != self._mutation.module:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.origin is None:
            return None
        spec.loader = _MutatedLoader(name, spec.origin)
        spec.loader.mutation = self._mutation
        self.done = True
        return spec


def missing() -> list[str]:
    """Mutations whose text is not where it should be, in words."""
    found = []
    for mutation in MUTATIONS:
        spec = PathFinder.find_spec(mutation.module, [str(_folder(mutation.module))])
        try:
            mutation.applied(Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else "")
        except LookupError as error:
            found.append(str(error))
    return found


def _folder(module: str) -> Path:
    return Path(__file__).parents[2].joinpath(*module.split(".")[:-1])


def main(name: str) -> int:
    """Exit code of pytest on the golden tests under one mutation; GONE when it could not be made."""
    import pytest

    mutation = next(mutation for mutation in MUTATIONS if mutation.name == name)
    try:
        spec = PathFinder.find_spec(mutation.module, [str(_folder(mutation.module))])
        mutation.applied(Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else "")
    except LookupError as error:
        print(error)
        return GONE
    finder = _Finder(mutation)
    sys.meta_path.insert(0, finder)
    code = int(
        pytest.main(
            [
                "-x",
                "-q",
                "-n",
                "0",
                "-p",
                "no:cacheprovider",
                "-m",
                "not slow",
                str(Path(__file__).with_name(mutation.guard)),
            ]
        )
    )
    if not finder.done:
        print(f"mutation {name!r}: {mutation.module} was never imported by the golden tests.")
        return GONE
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
