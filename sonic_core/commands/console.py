"""Console: what a command tells a person on the way and a program at the end."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

from ..progress import Preview, WholeWork, time_in_words
from ..words.catalogue import translated
from .streams import harmless

if TYPE_CHECKING:
    from tqdm import tqdm

STAGES = {
    "portrait": "Reading the face",
    "audio": "Listening to the audio",
    "sampling": "Finding the motion",
    "rendering": "Drawing",
    "encoding": "Making the video",
    "mouth": "Watching the mouth",
    "listening": "Listening",
    "judging": "Judging with SyncNet",
    "writing": "Writing",
    "decoding": "Decoding",
    "downloading": "Downloading",
    "checking": "Checking",
    "converting": "Converting",
    "clips": "Making clips",
    "benchmark": "Measuring",
}
UNITS = {
    "encoding": " frames",
    "mouth": " frames",
    "listening": " s",
    "judging": " frames",
    "writing": " s",
    "decoding": " frames",
    "downloading": " MB",
    "checking": " MB",
    "converting": " files",
    "clips": " clips",
}
# A bar that goes into a log file is drawn anew on each line: seldom is enough there.
SECONDS_BETWEEN_LOGGED_BARS = 5.0


class Console:
    """Text on stdout, bars on stderr; with `as_json` stdout carries one JSON object only; `quiet` leaves errors and that object.

    It is a `Progress` itself: a bar per stage, with the time that is left.
    """

    def __init__(self, quiet: bool = False, as_json: bool = False, language: str = "en") -> None:
        self.quiet = quiet
        self.as_json = as_json
        self.stdout_is_taken = False  # by a video
        self.language = language
        self.bar: tqdm | None = None
        self.stage = ""
        self.warnings: list[str] = []
        self.whole: WholeWork | None = None
        self.since = (0.0, 0.0)  # when the stage began, and the part of the whole that was done then

    def __call__(self, stage: str, done: int, total: int, preview: Preview | None = None) -> None:
        if self.quiet:
            return
        if self.whole is not None:
            self._move_whole(self.whole, stage, done, total)
            return
        if self.bar is None or stage != self.stage:
            self.close()
            self.stage = stage
            self.bar = _bar(
                total=total,
                desc=STAGES.get(stage, stage.capitalize()),
                unit=UNITS.get(stage, " steps"),
                leave=stage == "encoding" or not sys.stderr.isatty(),
            )
        self.bar.total = total
        self.bar.update(done - self.bar.n)

    def expect(self, stages: Mapping[str, float]) -> None:
        """From now on one bar over all that is to come, with the time that is left.  stages: seconds of each, about, in order."""
        self.close()
        self.whole = WholeWork(stages)

    def _move_whole(self, whole: WholeWork, stage: str, done: int, total: int) -> None:
        share = whole(stage, done, total)
        if self.bar is None:
            self.bar = _bar(total=1.0, bar_format="{desc}: {percentage:3.0f}%|{bar}|{postfix}")
        if stage != self.stage and stage in whole.spans:
            self.stage, self.since = stage, (time.monotonic(), share)
            self.bar.set_description_str(STAGES.get(stage, stage.capitalize()), refresh=False)
        begun, before = self.since
        if share > before:  # a clip that is resumed begins in the middle
            left = (time.monotonic() - begun) * (1 - share) / (share - before)
            self.bar.set_postfix_str(f"about {time_in_words(left)} left", refresh=False)
        self.bar.update(share - self.bar.n)

    def say(self, text: str = "") -> None:
        """A line for the person in front of the screen."""
        if not self.quiet:
            self.close()
            taken = self.as_json or self.stdout_is_taken
            _print(translated(text, self.language), sys.stderr if taken else sys.stdout)

    def confirm(self, question: str) -> bool | None:
        """Whether the person answers yes; None when nobody can be asked."""
        if self.quiet or self.as_json or not (sys.stdin and sys.stdin.isatty()):
            return None
        self.close()
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")

    def fail(self, error: BaseException, kind: str) -> None:
        """The one message of a command that did not work."""
        self.close()
        kind, words = translated(kind, self.language), translated(str(error), self.language)
        _print(f"{kind}: {words}" if words else kind, sys.stderr)
        if self.as_json:
            self.report({"error": type(error).__name__, "message": str(error)})

    def report(self, values: Mapping[str, Any]) -> None:
        """The machine's answer, on the last line of stdout."""
        self.close()
        if self.as_json:
            _print(json.dumps({**values, **({"warnings": self.warnings} if self.warnings else {})}), sys.stdout)

    def close(self) -> None:
        """Finish the bar that is being drawn; one over a whole job goes on with the next report."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None


def _print(text: str, stream: TextIO) -> None:
    """A line of which nothing that stands in a file can steer the terminal."""
    print(harmless(text, lines=True), file=stream, flush=True)


def _bar(**looks: Any) -> tqdm:
    """A bar on stderr, as often drawn as suits who reads it."""
    from tqdm import tqdm  # here, for who wants no bars

    on_screen = sys.stderr.isatty()
    return tqdm(
        file=sys.stderr,
        mininterval=0.1 if on_screen else SECONDS_BETWEEN_LOGGED_BARS,
        dynamic_ncols=on_screen,
        **looks,
    )


class BarsAndWarnings(logging.Handler):
    """Log records on stderr, each text once, above the bar that is being drawn; warnings also in the machine's answer."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno >= logging.WARNING:
            if text in self.console.warnings:
                return
            self.console.warnings.append(text)
        from tqdm import tqdm

        tqdm.write(translated(self.format(record), self.console.language), file=sys.stderr)
