"""From a picture to a Portrait: read it, find the face, measure it, and remember the result."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import NoFaceError, PortraitError
from ..progress import Progress, ignore
from ..runtime.network import TORCH
from .cache import ArrayCache, content_digest, default_cache_dir
from .detection import Detection, search_faces
from .loading import Picture, Source, load_picture
from .mesh import ROI_MARGIN, MeshFit, fit_eyes, fit_mesh, misfit, refine_mesh
from .networks import FaceNetworks, load_networks
from .portrait import Portrait, QualityReport
from .quality import NO_PERSON, advised, check_quality

ANALYSIS_VERSION = 5  # raise it whenever the same picture would be measured differently
MESH_ACCEPT = 0.5  # under this the mesh says: not a face
FACE_ACCEPT = 0.45  # the same for mesh and detector together
UPSIDE_DOWN_COST = 0.1
SAME_PLACE = 0.6  # of the face
MAX_FACES = 32
STEPS = 4
REMEMBERED = {
    "landmarks": (468, 3),
    "eye_contours": (2, None, 2),
    "irises": (2, None, 2),
    "face_box": (4,),
    "score": (),
}
"""Shapes of what the cache keeps; None = any length."""


def load_portrait(
    source: Source,
    face_index: int = 0,
    cache_dir: Path | None = None,
    progress: Progress = ignore,
    runtime: str = TORCH,
    folders: Sequence[Path] | None = None,
) -> Portrait:
    """Read a picture and measure one face in it (faces are sorted by size, the largest is 0).

    source: path, bytes of a picture file, or array (see loading.load_picture).  cache_dir: where measurements are kept,
    None = the user's cache folder.  runtime, folders: see `networks.load_networks`; each runtime's measurements are kept apart.
    Raises PortraitError: unreadable, no face, a profile, no such face.
    """
    progress("portrait", 0, STEPS)
    picture = load_picture(source)
    digest = content_digest(picture.image, picture.alpha)
    progress("portrait", 1, STEPS)
    cache = ArrayCache(cache_dir or default_cache_dir())
    key = f"{digest}-{face_index}-v{ANALYSIS_VERSION}{'' if runtime == TORCH else f'-{runtime}'}"
    portrait = _remembered(cache.read(key), picture, face_index, digest)
    if portrait is None:
        with cache.alone(key):
            portrait = _remembered(cache.read(key), picture, face_index, digest)
            if portrait is None:
                portrait = analyse(load_networks(runtime, folders), picture, face_index, digest, progress)
                cache.write(key, _to_remember(portrait))
    progress("portrait", STEPS, STEPS)
    return replace(portrait, report=replace(portrait.report, advice=picture.notes + portrait.report.advice))


def analyse(
    networks: FaceNetworks, picture: Picture, face_index: int, digest: str, progress: Progress = ignore
) -> Portrait:
    """Measure face `face_index` of a picture; the same errors as `load_portrait`.  The notes of `picture` are not in the report."""
    fit, faces_found = _chosen(networks, picture, face_index)
    progress("portrait", 2, STEPS)
    contours, irises = fit_eyes(networks.iris, picture.image, fit)
    progress("portrait", 3, STEPS)
    low, high = fit.landmarks[:, :2].min(0), fit.landmarks[:, :2].max(0)
    return Portrait(
        image=picture.image,
        alpha=picture.alpha,
        landmarks=fit.landmarks,
        eye_contours=contours,
        irises=irises,
        face_box=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
        face_index=face_index,
        score=fit.score,
        report=check_quality(picture.image, fit.landmarks, fit.crop, faces_found, picture.name, fit.misfit),
        digest=digest,
        name=picture.name,
    )


def _chosen(networks: FaceNetworks, picture: Picture, face_index: int) -> tuple[MeshFit, int]:
    """The face of that index, fitted closely, and how many there are.

    What the first look took for a face and a closer one does not (a helmet, a pattern) counts for nothing: every face before the chosen
    one is looked at as closely, so that an index names the same person whatever stands between.
    """
    found, true_faces = _faces(networks, picture), 0
    for place, face in enumerate(found):
        fit = refine_mesh(networks.mesh, picture.image, face)
        if fit.score < MESH_ACCEPT or face.misfit > NO_PERSON:
            continue
        if true_faces == face_index:
            return replace(fit, misfit=face.misfit), true_faces + len(found) - place
        true_faces += 1
    if not true_faces:
        raise _no_person(picture) if any(face.misfit > NO_PERSON for face in found) else _no_face(picture)
    were = "1 face was" if true_faces == 1 else f"{true_faces} faces were"
    raise PortraitError(
        f"face_index (--face-index) is {face_index}, but {were} found in {picture.name}. "
        f"{'Choose 0' if true_faces == 1 else f'Choose 0 to {true_faces - 1}'}; 0 is the largest face."
    )


def _faces(networks: FaceNetworks, picture: Picture) -> list[MeshFit]:
    """The faces that detector and mesh agree on, the largest first."""
    for found in search_faces(networks.detector, picture.image):
        surest = sorted(found, key=lambda face: -face.score)[:MAX_FACES]
        faces = _accepted([(fit_mesh(networks.mesh, picture.image, face), face) for face in surest])
        if faces:
            return faces
    raise _no_face(picture)


def _no_face(picture: Picture) -> NoFaceError:
    return NoFaceError(
        f"no face was found in {picture.name}. Use a picture of one person seen from the front, the face at least 64 pixels "
        "wide, evenly lit and not covered; crop the picture closer if the face is small. Animals are not supported."
    )


def _no_person(picture: Picture) -> NoFaceError:
    return NoFaceError(
        f"what looks like a face in {picture.name} is not a person's: eyes, nose and mouth are not where a human face has them. The mesh "
        "is made for human faces; animals are not supported. Engines that need no mesh take --face-box or --mask instead."
    )


def _accepted(fits: list[tuple[MeshFit, Detection]]) -> list[MeshFit]:
    """The fits that mesh and detector together take for a face; of those that share a place the surest; the largest first."""
    faces: list[MeshFit] = []
    for fit, found in sorted(fits, key=lambda pair: -_certainty(*pair) * _uprightness(pair[0])):
        if _certainty(fit, found) >= FACE_ACCEPT and not any(_same_face(fit, other) for other in faces):
            faces.append(replace(fit, misfit=misfit(fit, found)))
    return sorted(faces, key=lambda fit: -fit.crop.size)


def _certainty(fit: MeshFit, found: Detection) -> float:
    return fit.score * found.score


def _uprightness(fit: MeshFit) -> float:
    """1 for an upright face, less for a tilted one: decides where a covered face could be either."""
    return 1 - UPSIDE_DOWN_COST * (1 - float(np.cos(fit.angle))) / 2


def _same_face(a: MeshFit, b: MeshFit) -> bool:
    """Fits too near to each other to be two heads cheek to cheek: one slid onto the other, or lies on it upside down."""
    face = max(a.crop.size, b.crop.size) / ROI_MARGIN
    return float(np.hypot(*np.subtract(a.crop.centre, b.crop.centre))) < SAME_PLACE * face


def _to_remember(portrait: Portrait) -> dict[str, NDArray]:
    return {
        "landmarks": portrait.landmarks,
        "eye_contours": portrait.eye_contours,
        "irises": portrait.irises,
        "face_box": np.array(portrait.face_box),
        "score": np.array(portrait.score),
        "report": np.array(json.dumps(asdict(replace(portrait.report, advice=())))),  # sentences are of this version
    }


def _fits(array: NDArray, shape: tuple[int | None, ...]) -> bool:
    """Whether an array has this shape (None = any length) and holds finite numbers only."""
    same = array.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
    return bool(same and array.dtype.kind == "f" and np.isfinite(array).all())


def _remembered(arrays: dict[str, NDArray] | None, picture: Picture, face_index: int, digest: str) -> Portrait | None:
    if arrays is None:
        return None
    try:
        report = json.loads(str(arrays["report"]))
        if not all(_fits(arrays[name], shape) for name, shape in REMEMBERED.items()):
            return None
        x0, y0, x1, y1 = map(float, arrays["face_box"])
        return Portrait(
            image=picture.image,
            alpha=picture.alpha,
            landmarks=arrays["landmarks"],
            eye_contours=arrays["eye_contours"],
            irises=arrays["irises"],
            face_box=(x0, y0, x1, y1),
            face_index=face_index,
            score=float(arrays["score"]),
            report=advised(QualityReport(**{**report, "advice": ()}), min(picture.image.shape[:2])),
            digest=digest,
            name=picture.name,
        )
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
    ):  # damaged, or of another origin: measure again
        return None
