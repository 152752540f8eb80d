"""The commands of `python -m sonic_core`, a file each: HELP, add_arguments(parser) and run(args, console) -> report.

They import what they need when they run, so that `--help` and a wrong argument are answered at once.  A report is what `--json`
prints: numbers, strings, lists and dicts of them.
"""

COMMANDS = (
    "demo",
    "generate",
    "live",
    "batch",
    "queue",
    "motion",
    "sheet",
    "align",
    "interpolate",
    "report",
    "inspect",
    "doctor",
    "bench",
    "download",
    "convert",
    "export",
)
