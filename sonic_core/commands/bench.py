"""`bench`: how fast an engine is on this machine, in one table, beside what cannot be avoided; and how good its presets are."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engines.registry import card_measure, declaration, declarations
from ..errors import SettingsError
from ..words.catalogue import translated
from .engine_options import add_engine_choice, options_from, typed

if TYPE_CHECKING:
    from .console import Console

HELP = "measure an engine's speed and memory on this machine, or how near its presets come to its reference"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_engine_choice(parser)
    parser.add_argument(
        "--compare",
        type=Path,
        metavar="FILE",
        help="What an earlier bench --json has printed: now / then stands behind every value.",
    )
    with_presets = ", ".join(engine.name for engine in declarations() if engine.option("reference"))
    parser.add_argument(
        "--quality",
        type=Path,
        metavar="FOLDER",
        help=f"{with_presets}: compare every preset with --reference on the bundled sample: SSIM, PSNR, mouth opening. "
        "Clips and a page go into the folder. Takes as long as the clips.",
    )


def run(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    if find_spec("..bench", __package__) is None:
        raise SettingsError(
            "This copy comes without bench, as ComfyUI's registry ships it. Install the whole with pip from a checkout."
        )
    if args.quality:
        return compare_presets(args, console)
    if card := card_measure(args.engine):
        return measure_card(args, console, card)
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


def measure_card(args: argparse.Namespace, console: Console, measure: Callable[..., Any]) -> dict[str, Any]:
    """The parts of an engine whose clips take long, timed on its device: under five minutes."""
    from ..bench.benchmark import machine_in_words

    if args.compare:
        raise SettingsError(
            f"--compare is for engines whose clips are timed; {args.engine} is timed by its parts. Leave it out."
        )
    card, machine = measure(options_from(args), console), machine_in_words()
    for line in card.lines(machine):
        console.say(line)
    for fault in card.faults:
        console.say(f"Note:    {fault}")
    return {"kind": "sonic-portrait card", "engine": args.engine, "machine": machine, **card.as_json()}


def compare_presets(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Every preset beside the reference, on the bundled sample."""
    from ..bench.quality import compare
    from ..bench.quality_page import write_page

    if declaration(args.engine).option("reference") is None:
        raise SettingsError(
            f"--quality compares presets with a reference, and the {args.engine} engine has none. Choose another engine."
        )
    made = compare(args.engine, options_from(args), args.quality, console)
    page = write_page(made, args.quality / "index.html")
    for line in made.lines():
        console.say(line)
    console.say(f"Page:    {page}")
    return {"kind": "sonic-portrait quality", "page": str(page), **made.as_json()}
