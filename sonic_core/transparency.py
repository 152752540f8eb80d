"""What becomes of a picture's transparent parts in one clip: kept where engine and file can, else laid over something, and told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .background import TRANSPARENT, background_of
from .compositing import WHITE, Background, covering, over, straight
from .engines.declaration import Declaration
from .errors import SettingsError
from .media.encoding import Encoding
from .media.writer import TRANSPARENT as TRANSPARENT_FILES
from .media.writer import holds_alpha
from .portrait.cache import content_digest
from .portrait.loading import load_picture
from .portrait.portrait import Portrait


@dataclass(frozen=True)
class Ground:
    """kept: frames stay transparent.  behind: what they are laid over otherwise.  notes: what the user did not choose, in plain words."""

    kept: bool
    behind: Background
    notes: tuple[str, ...] = ()


def ground_for(
    portrait: Portrait,
    background: str,
    engine: Declaration,
    output: Path,
    encoding: Encoding,
    between: bool = False,
    behind: NDArray[np.uint8] | None = None,
) -> Ground:
    """What a clip of `portrait` stands on.

    background: the user's words (background.py).  between: frames are made between the engine's, which knows no opacity.
    behind: a picture (RGB) in memory, instead of words.
    Raises SettingsError where it asks for what cannot be: transparency of a picture, an engine or a file that has none; PortraitError
    for a background that cannot be read.
    """
    wanted = background_of(background)
    if behind is not None and wanted != "":
        raise SettingsError(
            f"background is {background}, and a picture for behind is given as well. Leave one of them out."
        )
    if portrait.alpha is None:
        if behind is not None or wanted != "":
            raise SettingsError(
                f"background is {background or 'a picture'}, but {portrait.name} has no transparent parts. Cut the person out first "
                "(a PNG or WebP with transparency), or leave the background out."
            )
        return Ground(False, WHITE)
    if behind is not None:
        return Ground(False, behind)
    obstacle = (
        f"the engine {engine.name} draws the background, too"
        if not engine.keeps_alpha
        else "frames made between others have none"
        if between
        else f"{output.name} cannot hold it"
        if not holds_alpha(output, encoding)
        else ""
    )
    if wanted == TRANSPARENT and obstacle:
        raise SettingsError(
            f"The background shall stay transparent, but {obstacle}. Transparency is kept by engines that move the picture itself, "
            f"in {TRANSPARENT_FILES}. Change that, or choose a colour (--background '#00ff00')."
        )
    if wanted in ("", TRANSPARENT):
        note = (
            f"The transparent parts of {portrait.name} are white in the video: {obstacle}. For another colour or picture choose a "
            f"background; transparency is kept in {TRANSPARENT_FILES}."
        )
        return Ground(not obstacle, WHITE, (note,) if obstacle else ())
    return Ground(False, load_picture(wanted).image if isinstance(wanted, Path) else wanted)  # type: ignore[arg-type]  # no text by now


def laid_over(portrait: Portrait, background: Background) -> Portrait:
    """The portrait without transparency, over a colour or a picture: for engines that draw every pixel anew."""
    if portrait.alpha is None:
        return portrait
    behind = background if isinstance(background, tuple) else covering(background, portrait.width, portrait.height)
    image = over(straight(portrait.image, portrait.alpha), behind)
    return replace(portrait, image=image, alpha=None, digest=content_digest(image))
