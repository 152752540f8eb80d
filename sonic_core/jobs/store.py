"""Store: the SQLite file of an output folder, opened, laid out and written by whole transactions, waiting while the disk is full."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from ..errors import OutputError

NAME = ".sonic-batch.sqlite"
WAIT_FOR_LOCK = 30.0  # s
WAIT_FOR_ROOM = 600.0
"""Seconds for which a full disk is waited for."""
LAYOUT = 1
TABLES = """
create table if not exists clips (
    output text primary key, row integer, key text, job text, state text, attempts integer default 0, owner text,
    error text, figures text, seconds real, changed real) without rowid;
create index if not exists by_state on clips (state, attempts, row);
create table if not exists members (run text, output text, row integer, primary key (run, output)) without rowid;
create table if not exists owners (id text primary key, host text, pid integer, beat real) without rowid;
create table if not exists files (
    path text primary key, size integer, mtime integer, digest text, facts text) without rowid;
"""
P = ParamSpec("P")
R = TypeVar("R")


def patient(method: Callable[P, R]) -> Callable[P, R]:
    """Try again for WAIT_FOR_ROOM while the disk is full: what SQLite could not write it has rolled back."""

    @wraps(method)
    def patiently(*args: P.args, **kwargs: P.kwargs) -> R:
        end = time.monotonic() + WAIT_FOR_ROOM
        while True:
            try:
                return method(*args, **kwargs)
            except sqlite3.DatabaseError as error:
                full = "full" in str(error)
                if not full or time.monotonic() > end:
                    cure = (
                        "Free some space" if full else "Look whether its folder can be written and nobody else holds it"
                    )
                    raise OutputError(
                        f"The ledger cannot be written: {error}. {cure}, and run the same again."
                    ) from error
                time.sleep(1.0)

    return patiently


class Store:
    """One connection; every process and thread opens its own.  Raises OutputError where the folder takes no such file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder} cannot be made ({error.strerror}); name another folder.") from error
        try:
            self.db = sqlite3.connect(folder / NAME, timeout=WAIT_FOR_LOCK, isolation_level=None)
            self.db.execute("pragma synchronous = normal")
            version = self.db.execute("pragma user_version").fetchone()[0]
            if version not in (0, LAYOUT):
                raise OutputError(
                    f"{folder / NAME} was written by another version of this program. Choose a new folder."
                )
            if version == 0:
                with self.writing():
                    for statement in TABLES.split(";"):
                        self.db.execute(statement)
                    self.db.execute(f"pragma user_version = {LAYOUT}")
        except (sqlite3.Error, OSError) as error:
            raise OutputError(
                f"The ledger {folder / NAME} cannot be used ({error}). Choose another folder; or remove that file and give --overwrite: "
                "every clip is then made again."
            ) from error

    def close(self) -> None:
        self.db.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction: all of it is written, or nothing."""
        self.db.execute("begin immediate")
        try:
            yield
            self.db.execute("commit")
        except BaseException:
            with suppress(sqlite3.OperationalError):  # SQLite has rolled back by itself
                self.db.execute("rollback")
            raise
