"""`python -m tests.golden renew`: keep what the code draws and computes now as golden, and write a page that shows what changed.

`python -m tests.golden page` writes the page alone.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sonic_core.threads import prepare_process

prepare_process()

from . import curves, faces, figures, page, pictures, video  # noqa: E402  (after the process is set up)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__)
    parser.add_argument("what", choices=("renew", "page"))
    parser.add_argument("--page", type=Path, default=Path("golden_changes.html"), help="Where the page goes.")
    args = parser.parse_args()
    keep = args.what == "renew"
    sections = _pictures(keep) + _curves(keep) + _figures(keep) + _understood(keep)
    args.page.write_text(page.page(sections), encoding="utf-8")
    print(f"Look at {args.page} before you commit." if keep else f"Look at {args.page}.")


def _pictures(keep: bool) -> list[str]:
    sections = []
    sheets = {name: (faces.frames(name), faces.portrait(name)) for name in faces.PORTRAITS}
    sheets["video"] = (video.frames(), faces.portrait(video.WHO))
    for name, (frames, portrait) in sheets.items():
        old = _old_pictures(name, list(frames))
        known = {label: frame for label, frame in frames.items() if label in old}
        found = pictures.compare(old, known, portrait)
        changed = sorted({difference.label for difference in found if difference.seen})
        print(f"{name}: {len(changed)} of {len(frames)} pictures changed: {', '.join(changed)}")
        sections.append(page.pictures_section(name, old, frames, found))
        if keep and (changed or len(known) < len(frames)):
            pictures.save(name, frames)
    return sections


def _old_pictures(name: str, labels: list[str]) -> dict:
    try:
        return pictures.load(name, labels)
    except (FileNotFoundError, ValueError) as error:
        print(f"{name}: nothing to compare with ({error})")
        return {}


def _curves(keep: bool) -> list[str]:
    new, sections = curves.tracks(), []
    old = curves.load() if curves.FILE.exists() else {}
    changed = 0
    for name, track in new.items():
        known = name in old and old[name].shape == track.shape
        lines = curves.changed(old[name], track) if known else ["new"]
        changed += bool(lines)
        print(f"{name}: {len(lines)} curves changed")
        sections.append(page.curves_section(name, old.get(name), track))
    if keep and changed:
        curves.save(new)
    return sections


def _figures(keep: bool) -> list[str]:
    old, changed = figures.golden(), figures.changed()
    print(f"{len(changed)} figures changed", *changed, sep="\n  ")
    section = page.table_section("Figures", old, {name: figure.value for name, figure in figures.figures().items()})
    if keep and changed:
        figures.save()
    return [section]


def _understood(keep: bool) -> list[str]:
    file = pictures.STORED / "portraits.json"
    old = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    new = {name: faces.understood(name) for name in faces.PORTRAITS}
    if keep and new != old:
        file.write_text(json.dumps(new, indent=1) + "\n", encoding="utf-8")
    return [page.table_section("How the portraits are understood", old, new)]


if __name__ == "__main__":
    main()
