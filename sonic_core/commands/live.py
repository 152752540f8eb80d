"""`live`: a page on this machine where a portrait speaks what a microphone hears or a file holds."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engines.registry import DEFAULT_ENGINE, declaration, declarations
from ..errors import MissingLibraryError, SettingsError
from .engine_options import add_options_of, options_of
from .options import add_encoding, add_labels, add_settings, encoding_from, labels_from, settings_from

if TYPE_CHECKING:
    from ..engines.streaming import Stage
    from ..job import Job
    from ..portrait.portrait import Portrait
    from .console import Console

PACKAGES = ("aiohttp", "aiortc")
INSTALL = "pip install 'sonic-portrait[live]'"
HELP = "serve a page where a portrait speaks while you do"
PORT, HIGHEST_PORT = 8765, 65_535
MOST_SESSIONS = 256
"""Each is a process of some hundred megabytes: a slip of the finger must not bring the machine down."""
RECORDED = "live.mp4"
LIVE_RESOLUTION = 512
OF_CLIPS = ("duration", "length_policy", "inference_steps", "loopable")
"""Settings that have no meaning while the sound arrives."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--image", required=True, type=Path, metavar="FILE", help="The picture: png, jpg, webp, ...")
    group = parser.add_argument_group("server")
    group.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="Where it listens. Default 127.0.0.1: this machine alone; others reach any other address, with a token.",
    )
    group.add_argument("--port", type=int, default=PORT, metavar="N", help=f"0 = any that is free. Default {PORT}.")
    group.add_argument(
        "--token",
        default="",
        metavar="TEXT",
        help="Whoever comes has to know it, 16 characters or more. Default: a new one where others can reach the server.",
    )
    group.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="A further name of this server, as of the proxy in front of it; may be given several times.",
    )
    group.add_argument(
        "--sessions",
        type=int,
        default=2,
        metavar="N",
        help="People at the same time, each with a process of its own where N is more than 1. Default 2.",
    )
    group.add_argument(
        "--ice-server",
        action="append",
        nargs="+",
        default=[],
        metavar="WORD",
        help="URL [NAME PASSWORD] of a STUN or TURN server, for networks with firewalls. Default: none is asked.",
    )
    group.add_argument(
        "--record-to",
        type=Path,
        default=Path(),
        metavar="FOLDER",
        help=f"Where recordings go, as {RECORDED}, live_1.mp4, ... Default: the current folder.",
    )
    group.add_argument("--no-recording", action="store_true", help="Nobody can record.")
    engines = parser.add_argument_group("engine")
    streaming = ", ".join(engine.name for engine in declarations() if engine.streams)
    engines.add_argument(
        "--engine",
        default=DEFAULT_ENGINE,
        metavar="NAME",
        help=f"One that streams: {streaming}. Default {DEFAULT_ENGINE}.",
    )
    add_options_of(engines, declaration(DEFAULT_ENGINE))
    add_settings(parser, OF_CLIPS)
    add_encoding(parser)
    add_labels(parser)


def run(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    import asyncio

    from ..live.door import Door, check_names, is_loopback, new_token

    if not 0 <= args.port <= HIGHEST_PORT:
        raise SettingsError(f"--port is {args.port}; expected 0 to {HIGHEST_PORT}.")
    if not 1 <= args.sessions <= MOST_SESSIONS:
        raise SettingsError(f"--sessions is {args.sessions}; expected 1 to {MOST_SESSIONS}.")
    if wrong := [words for words in args.ice_server if len(words) not in (1, 3)]:
        raise SettingsError(f"--ice-server is {' '.join(wrong[0])}; expected URL, or URL NAME PASSWORD.")
    token = args.token or ("" if is_loopback(args.host) else new_token())
    door = Door(args.host, token, check_names(args.allowed_host))
    job = job_from(args)
    try:
        from ..live.ice import IceServer
        from ..live.places import Places, PlacesHere, Welcome
        from ..live.places_apart import PlacesApart
        from ..live.server import LiveServer, serve
    except ImportError as error:
        if error.name not in PACKAGES:
            raise
        raise MissingLibraryError(f"The live page needs {' and '.join(PACKAGES)}. Install them: {INSTALL}") from error

    ice_servers = [IceServer(*words) for words in args.ice_server]
    from ..live.recorder import Recording
    from ..pipeline import portrait_for
    from .generate import describe_portrait

    portrait, _ = portrait_for(job, console)
    for line in describe_portrait(portrait):
        console.say(line)
    welcome = Welcome(job.settings, Recording(job, portrait.digest), ice_servers)
    places: Places
    if args.sessions == 1:
        places = PlacesHere(stage_of(job, portrait), welcome)
    else:
        places = PlacesApart(partial(stage_of, job, portrait), welcome, args.sessions)
    server = LiveServer(places, door, ice_servers)

    def ready(address: str) -> None:
        for note in places.notes:
            console.say(f"Note:    {note}")
        console.say(f"Open {address} in a browser; Ctrl-C ends it.")

    try:
        asyncio.run(serve(server, args.port, ready))
    except KeyboardInterrupt:
        console.say("Stopped.")
    return {"engine": job.engine, "recordings": sorted(str(path) for path in server.recorded)}


def stage_of(job: Job, portrait: Portrait) -> Stage:
    """The portrait made ready; also run by the processes of the places."""
    from ..engines.registry import load_engine

    return load_engine(job.engine, **job.options).stage(portrait, job.settings)


def job_from(args: argparse.Namespace) -> Job:
    """What sessions play and record.  Raises SettingsError for what a job refuses and engines that do not stream."""
    from ..job import Job
    from ..media.writer import check_output

    engine = declaration(args.engine)
    if not engine.streams:
        raise SettingsError(f"The {engine.name} engine needs the whole recording; choose one that streams.")
    settings = settings_from(args)
    if not settings.min_resolution:
        settings = replace(settings, min_resolution=LIVE_RESOLUTION)
    job = Job(
        args.image,
        None,
        None if args.no_recording else args.record_to / RECORDED,
        settings,
        engine.name,
        options_of(args, engine),
        encoding=encoding_from(args),
        labels=labels_from(args),
        overwrite=args.overwrite,
    )
    if job.output is not None:
        check_output(job.output, job.encoding)
    return job
