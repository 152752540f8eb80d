"""What a video says about its making, and whether that holds.

python examples/read_provenance.py hello.mp4        # with the originals: python -m sonic_core inspect --help
"""

import sys

from sonic_core.media.probe import probe
from sonic_core.media.provenance_check import check_provenance, is_marked, own_tags


def main(path: str) -> bool:
    """Whether the file says that it is synthetic, and nothing of what it says is wrong."""
    video = probe(path)
    for name, value in own_tags(video.metadata).items():
        print(f"{name}: {value}")
    if not is_marked(video.metadata):
        print("It says nothing about its making; that does not show that it is real.")
        return False
    checks = check_provenance(video)
    for check in checks:
        print("holds" if check.holds else "WRONG", check.subject, "-", check.found)
    return all(check.holds for check in checks)


if __name__ == "__main__":
    sys.exit(not main(*sys.argv[1:]))
