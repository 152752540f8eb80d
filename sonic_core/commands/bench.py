"""`bench`: how fast an engine is on this machine, in one table, beside what cannot be avoided; under two minutes."""

from __future__ import annotations

import argparse
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SettingsError
from ..words.catalogue import translated
from .engine_options import add_engine_choice, options_from, typed

if TYPE_CHECKING:
    from .console import Console

HELP = "measure an engine's speed and memory on this machine, in under two minutes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_engine_choice(parser)
    parser.add_argument(
        "--compare",
        type=Path,
        metavar="FILE",
        help="What an earlier bench --json has printed: now / then stands behind every value.",
    )


def run(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    if find_spec("..bench", __package__) is None:
        raise SettingsError(
            "This copy comes without bench, as ComfyUI's registry ships it. Install the whole with pip from a checkout."
        )
    from ..bench.benchmark import SIZES, measure, read_earlier
    from ..bench.figures import table
    from ..job import Job
    from ..samples import PORTRAIT, SPEECH

    earlier = read_earlier(args.compare) if args.compare else None
    job = Job(PORTRAIT, SPEECH, engine=args.engine, options=options_from(args))
    made = measure(job, typed(args), console)
    words = partial(translated, language=console.language)
    console.say(f"Machine: {', '.join(f'{name} {value}' for name, value in made.machine.items())}")
    console.say(f"Engine:  {' '.join(typed(args)[1:])}")
    console.say()
    for line in table(made.sections, [str(size) for size in SIZES], earlier.figures if earlier else None, words):
        console.say(line)
    console.say()
    console.say("~ is worked out, not measured. CPU is that of all cores together.")
    for fault in made.faults:
        console.say(f"Note:    {fault}")
    report = made.as_json()
    if earlier:
        console.say("In brackets: now / then, of the same figure in the file.")
        if earlier.engine != made.engine or earlier.machine.get("processor") != made.machine["processor"]:
            console.say("Note:    The earlier figures are of another engine or processor.")
        report["ratios"] = made.ratios(earlier.figures)
    return report
