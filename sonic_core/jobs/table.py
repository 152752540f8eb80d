"""Tables of clips: CSV, JSONL or JSON as people save them, or folders of pictures and recordings, read row by row."""

from __future__ import annotations

import codecs
import csv
import difflib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from ..errors import SettingsError

SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif")
RECORDINGS = (".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".opus", ".wma", ".mp4", ".mov", ".mkv", ".webm")
DELIMITERS = ",;\t|"
LONGEST_CELL = 1_000_000
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Row:
    """One clip as it was written down.  number: of the row as an editor or a spreadsheet counts it.  values: empty cells are left out."""

    number: int
    values: Mapping[str, Any] = field(default_factory=dict)


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a table one at a time, in order; relative paths in it are left as they are.

    CSV: comma, semicolon, tab or bar, with or without a byte order mark, UTF-8, UTF-16 or (what Excel writes in China) GB 18030; the
    first line names the columns.  JSONL: an object per line.  JSON: a list of objects, or an object with such a list under `jobs`.
    Raises SettingsError that names file, row and cure: no such file, empty, unreadable, not a table.
    """
    if not path.exists():
        raise SettingsError(f"{path} does not exist. Check the path and the name.")
    if not path.is_file():
        raise SettingsError(f"{path} is no file; expected a table of clips: {', '.join(SUFFIXES)}.")
    if path.suffix.lower() not in SUFFIXES:
        raise SettingsError(f"{path.name} is of an unknown kind; expected one of {', '.join(SUFFIXES)}.")
    if path.stat().st_size == 0:
        raise SettingsError(f"{path.name} is empty. Its first line names the columns, such as: image,audio,output")
    readers = {".jsonl": _json_lines, ".ndjson": _json_lines, ".json": _json_list}
    read = readers.get(path.suffix.lower(), _csv_rows)
    none = True
    try:
        with path.open(encoding=_encoding(path), newline="") as file:
            for row in read(file, path.name):
                none = False
                yield row
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path.name} is no text that can be read ({error.reason}). Save it as UTF-8.") from error
    except csv.Error as error:
        raise SettingsError(f"{path.name} cannot be read as a table ({error}). Save it as CSV in UTF-8.") from error
    if none:
        raise SettingsError(f"{path.name} names no clip. Add a row with at least image and audio.")


def pair_folders(images: Path, audio: Path, product: bool = False) -> Iterator[Row]:
    """Rows from files: one picture with every recording, pairs of the same name, or (product) all with all.

    images, audio: a file or a folder each.  Row i is the i-th clip, sorted by name.  Raises SettingsError: nothing there, names without a
    partner.
    """
    pictures, recordings = _files(images, PICTURES, "picture"), _files(audio, RECORDINGS, "recording")
    if product:
        named = len(pictures) > 1
        pairs = [
            (picture, recording, f"{picture.stem}_{recording.stem}" if named else recording.stem)
            for picture in pictures
            for recording in recordings
        ]
    elif len(pictures) == 1 or images.is_file():
        pairs = [(pictures[0], recording, recording.stem) for recording in recordings]
    elif audio.is_file():
        pairs = [(picture, recordings[0], picture.stem) for picture in pictures]
    else:
        pairs = [(picture, recording, recording.stem) for picture, recording in _by_name(pictures, recordings)]
    for number, (picture, recording, name) in enumerate(pairs, 1):
        yield Row(number, {"image": str(picture), "audio": str(recording), "output": f"{name}.mp4"})


def nearest(name: str, known: Collection[str]) -> str:
    """ "; did you mean X?" where a known name is near, else the known names."""
    near = difflib.get_close_matches(name.strip().lower().replace("-", "_").replace(" ", "_"), known, 1, 0.6)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}."


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4)
        for mark, name in BOMS:
            if head.startswith(mark):
                return name
        decoder = codecs.getincrementaldecoder("utf-8")()
        file.seek(0)
        try:
            while block := file.read(1 << 20):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "gb18030"
    return "utf-8"


def _csv_rows(file: TextIO, name: str) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_CELL)
    heading = file.readline()
    if "\0" in heading:
        raise SettingsError(f"{name} is no text. Save the table as CSV in UTF-8.")
    delimiter = max(DELIMITERS, key=heading.count) if any(sign in heading for sign in DELIMITERS) else ","
    columns = [cell.strip() for cell in next(csv.reader([heading], delimiter=delimiter), [])]
    if not any(columns):
        raise SettingsError(f"{name} has an empty first line; it names the columns, such as: image,audio,output")
    if twice := sorted({column for column in columns if column and columns.count(column) > 1}):
        raise SettingsError(f"{name} names a column twice: {', '.join(twice)}. Leave one out.")
    reader = csv.reader(file, delimiter=delimiter)
    begin = 2
    for cells in reader:
        number, begin = begin, reader.line_num + 2
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
            raise SettingsError(
                f"{name}, row {number}: {len(cells)} cells under {len(columns)} columns. Put text that holds a "
                f"{delimiter!r} between double quotes."
            )
        pairs = zip(columns, cells, strict=False)
        yield Row(number, {column: cell.strip() for column, cell in pairs if column and cell.strip()})


def _json_lines(file: TextIO, name: str) -> Iterator[Row]:
    for number, line in enumerate(file, 1):
        if line.strip():
            yield _json_row(_parsed(line, f"{name}, row {number}"), number, name)


def _json_list(file: TextIO, name: str) -> Iterator[Row]:
    whole = _parsed(file.read(), name)
    if isinstance(whole, dict):
        whole = whole.get("jobs", [whole])
    if not isinstance(whole, list):
        raise SettingsError(f"{name} holds a {type(whole).__name__}; expected a list of objects, one per clip.")
    for number, entry in enumerate(whole, 1):
        yield _json_row(entry, number, name)


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise SettingsError(f"{where} is no JSON ({error.msg}, column {error.colno}).") from error
    except ValueError as error:  # a number of thousands of digits
        raise SettingsError(f"{where} holds a value that cannot be read ({error}).") from error
    except RecursionError as error:
        raise SettingsError(f"{where} is nested too deeply; expected an object per clip.") from error


def _json_row(entry: Any, number: int, name: str) -> Row:
    if not isinstance(entry, dict):
        raise SettingsError(
            f"{name}, row {number} holds a {type(entry).__name__}; expected an object with image, audio, ..."
        )
    return Row(number, {key: value for key, value in entry.items() if value not in (None, "")})


def _files(place: Path, suffixes: tuple[str, ...], kind: str) -> list[Path]:
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise SettingsError(f"{place} does not exist; expected a {kind} or a folder of them.")
    found = sorted(path for path in place.iterdir() if path.suffix.lower() in suffixes and path.is_file())
    found = [path for path in found if not path.name.startswith(".")]
    if not found:
        raise SettingsError(f"{place} holds no {kind} ({', '.join(suffixes)}).")
    return found


def _by_name(pictures: list[Path], recordings: list[Path]) -> Iterator[tuple[Path, Path]]:
    by_stem = {picture.stem: picture for picture in pictures}
    spoken = {path.stem for path in recordings}
    if twice := [path for path in pictures if path.stem in spoken and by_stem[path.stem] != path]:
        raise SettingsError(
            f"{twice[0].name} and {by_stem[twice[0].stem].name} bear the same name; a recording takes one picture. Rename one of them."
        )
    if without := [path.name for path in recordings if path.stem not in by_stem]:
        shown = ", ".join(without[:5]) + (f" and {len(without) - 5} more" if len(without) > 5 else "")
        raise SettingsError(
            f"No picture bears the name of {shown}. Name pictures like their recordings, give one picture, or use --product for all "
            "with all."
        )
    return ((by_stem[recording.stem], recording) for recording in recordings)
