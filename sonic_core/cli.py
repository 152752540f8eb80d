"""The command line: `python -m sonic_core COMMAND`, one message instead of a traceback, exit codes a script can trust."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from .commands import COMMANDS
from .commands.console import BarsAndWarnings, Console
from .commands.ending import leave
from .commands.signals import INTERRUPTED, forget_interruption, interruption_undisguised, signals_interrupt
from .commands.streams import unbreakable_streams
from .commands.whole_imports import whole_imports
from .errors import NotEnoughMemoryError, SettingsError, SonicError
from .memory_errors import NO_MEMORY, is_short_of_memory
from .paths import checked_path
from .system_libraries import plain_import_errors
from .threads import prepare_process
from .version import __version__
from .words.catalogue import LANGUAGES, system_language

OK, ERROR, USAGE = 0, 1, 2
EXIT_CODES = "exit codes: 0 done, 1 an error that the message explains, 2 wrong usage, 130 interrupted"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; argparse itself leaves with 0 for --help and 2 for wrong usage."""
    with unbreakable_streams():
        try:
            with signals_interrupt(), whole_imports(), interruption_undisguised():
                return _main(list(sys.argv[1:] if argv is None else argv))
        except KeyboardInterrupt:  # before the command began
            Console().fail(KeyboardInterrupt(), "Interrupted; nothing was begun.")
            return INTERRUPTED
        finally:
            forget_interruption()


def program() -> NoReturn:
    """`main` as a process of its own."""
    leave(main())


def _main(given: Sequence[str]) -> int:
    prepare_process()
    # The others are of use to --help and to a wrong name alone.
    names = given[:1] if given and given[0] in COMMANDS else COMMANDS
    commands = {name: import_module(f".commands.{name}", __package__) for name in names}
    parser = make_parser(commands, Console(as_json="--json" in given))
    args = parser.parse_args(given)
    check_paths(args, parser)
    console = Console(args.quiet, args.json, args.language)
    with logging_to_console(console, args.debug):
        return run(commands[args.command], args, console)


def check_paths(args: argparse.Namespace, parser: Parser) -> None:
    """Wrong usage where an option names a path that no file can have."""
    for name, value in vars(args).items():
        for path in value if isinstance(value, list) else [value]:
            if isinstance(path, Path):
                try:
                    checked_path(path, name)
                except SettingsError as error:
                    parser.error(str(error))


def run(command: ModuleType, args: argparse.Namespace, console: Console) -> int:
    """Exit code of one command; with --debug errors come as tracebacks."""
    try:
        with interruption_undisguised(), plain_import_errors():
            report = command.run(args, console)
        exit_code = report.pop("exit_code", OK)
        console.report({"command": args.command, **report})
        return exit_code
    except KeyboardInterrupt as interruption:
        console.fail(interruption, "Interrupted; nothing was left half-written.")
        return INTERRUPTED
    except SonicError as error:
        if args.debug:
            raise
        console.fail(error, "Error")
        return USAGE if isinstance(error, SettingsError) else ERROR
    except Exception as error:
        if args.debug:
            raise
        if is_short_of_memory(error):
            console.fail(NotEnoughMemoryError(NO_MEMORY), "Error")
            return ERROR
        console.fail(error, f"Unexpected {type(error).__name__} (run again with --debug to see where)")
        return ERROR
    finally:
        console.close()


class Parser(argparse.ArgumentParser):
    """argparse, whose refusals a program that asked for JSON can read too.

    mixed: arguments without a name may stand after options even where the last may be left out (not in parsers with subparsers).
    """

    def __init__(self, *args: Any, console: Console, mixed: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.console, self.mixed, self.given = console, mixed, list[str]()

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        self.given = list(args)
        return super().parse_args(args, namespace)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse; where it has given up on `onnx --engine sonic DIR`, as releases before 3.12.7 do, it looks once more.

        A command tells what it does not know itself: the parser above it does not know what could have been meant.
        """
        if not self.mixed:
            return super().parse_known_args(args, namespace)
        self.given = list(args)
        found = super().parse_known_args(args, namespace)
        if not found[1]:
            return found
        self.mixed = False  # the second look comes here again
        try:
            found = self.parse_known_intermixed_args(args)
        finally:
            self.mixed = True
        if found[1]:
            self.error(f"unrecognized arguments: {' '.join(found[1])}")
        return found

    def error(self, message: str) -> NoReturn:
        """Tells what is wrong and what may have been meant, not all seventy options."""
        message += self.meant()
        self.console.report({"error": SettingsError.__name__, "message": message})
        self.exit(USAGE, f"{self.prog}: error: {message}\nAll that can be given: {self.prog} --help\n")

    def meant(self) -> str:
        """The names nearest to those that nobody knows: ". Did you mean --image, not --imge?"; "" where none is near."""
        from difflib import get_close_matches

        subparsers = [action.choices for action in self._actions if isinstance(action, argparse._SubParsersAction)]
        options, commands = list(self._option_string_actions), [name for choices in subparsers for name in choices]
        named = [word.partition("=")[0] for word in self.given if word.startswith("--")]
        unknown = [(word, options) for word in named if not any(option.startswith(word) for option in options)]
        if commands and self.given and self.given[0] not in commands:
            unknown = [(self.given[0], commands)]
        near = {f"{match}, not {word}": None for word, known in unknown for match in get_close_matches(word, known, 1)}
        return f". Did you mean {'; '.join(near)}?" if near else ""


def make_parser(commands: dict[str, ModuleType], console: Console) -> Parser:
    """The parser with a subparser per command; `console` hears of wrong usage."""
    parser = Parser(
        console=console,
        prog="python -m sonic_core",
        description="Makes a still portrait speak: one picture and one recording in, a lip-synced mp4 out.",
        epilog=EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=f"sonic-portrait {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in commands.items():
        subparser = subparsers.add_parser(
            name, console=console, mixed=True, help=command.HELP, description=command.__doc__, epilog=EXIT_CODES
        )
        command.add_arguments(subparser)
        common = subparser.add_argument_group("output of the program")
        common.add_argument("--quiet", action="store_true", help="No text and no bars; errors are still told.")
        common.add_argument("--json", action="store_true", help="Print one JSON object on the last line of stdout.")
        common.add_argument("--debug", action="store_true", help="Show details and tracebacks.")
        common.add_argument(
            "--language",
            choices=LANGUAGES,
            default=system_language(),
            help="Of errors, warnings and advice; JSON stays English. Default: the system's (LC_ALL, LC_MESSAGES, LANG).",
        )
    return parser


@contextmanager
def logging_to_console(console: Console, debug: bool) -> Iterator[None]:
    """Warnings of the package on stderr, everything with `debug`."""
    logger = logging.getLogger(__package__)
    handler = BarsAndWarnings(console)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s" if debug else "Warning: %(message)s"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if debug else logging.WARNING)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


if __name__ == "__main__":
    program()
