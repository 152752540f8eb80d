"""load_portrait on the bundled picture: turned, small, doubled, grey, and on pictures without a face."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from portrait_samples import SAMPLE, on_canvas, sample, turned

from sonic_core.errors import NoFaceError, PortraitError
from sonic_core.portrait import analysis, quality
from sonic_core.portrait.analysis import load_portrait
from sonic_core.portrait.detection import search_faces
from sonic_core.portrait.mesh import fit_mesh, misfit
from sonic_core.portrait.networks import load_networks


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def portrait(cache):
    return load_portrait(SAMPLE, cache_dir=cache)


def eye_distances(a: np.ndarray, b: np.ndarray, unit: float) -> float:
    return float(np.linalg.norm(a - b, axis=-1).mean()) / unit


def test_landmarks_lie_on_the_features(portrait):
    mouth, nose, chin, forehead = (portrait.landmarks[i, :2] for i in (13, 1, 152, 10))
    assert forehead[1] < nose[1] < mouth[1] < chin[1]
    grey = sample().mean(2)
    for iris in portrait.irises:  # the pupil is darker than the skin under the eye
        x, y = iris[0].round().astype(int)
        below = round(y + 0.35 * portrait.report.eye_distance_px)
        assert grey[y - 1 : y + 2, x - 1 : x + 2].mean() < grey[below - 1 : below + 2, x - 1 : x + 2].mean() - 20


def test_index_0_is_the_subjects_right_eye(portrait):
    assert portrait.irises[0, 0, 0] < portrait.irises[1, 0, 0]
    assert (
        np.abs(portrait.irises[:, 0] - portrait.eye_contours[:, :16].mean(1)).max()
        < 0.2 * portrait.report.eye_distance_px
    )


@pytest.mark.parametrize("degrees", [30, -60, 90, 135, 180])
def test_a_turned_picture_gives_the_same_landmarks(portrait, cache, degrees):
    image, matrix = turned(sample(), degrees)
    found = load_portrait(image, cache_dir=cache)
    expected = portrait.landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    assert eye_distances(found.landmarks[:, :2], expected, portrait.report.eye_distance_px) < 0.02
    assert abs((found.report.roll - portrait.report.roll + degrees + 180) % 360 - 180) < 3
    assert abs(found.report.yaw - portrait.report.yaw) < 4


def test_a_face_of_64_px_is_found_in_a_large_picture(portrait, cache):
    scale = 64 / portrait.report.face_px
    small = cv2.resize(sample()[:400, 60:400], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = load_portrait(on_canvas(small, 1200, 1600, 1000, 700), cache_dir=cache)
    expected = (portrait.landmarks[:, :2] - (60, 0) + 0.5) * scale - 0.5 + (1000, 700)
    assert eye_distances(found.landmarks[:, :2], expected, found.report.eye_distance_px) < 0.03


def test_faces_are_sorted_by_size(cache):
    small = cv2.resize(sample()[:400, 60:400], None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    both = on_canvas(sample(), 600, 900, 350, 40)
    both[100 : 100 + len(small), 20 : 20 + small.shape[1]] = small
    first, second = (load_portrait(both, index, cache) for index in (0, 1))
    assert first.report.faces_found == second.report.faces_found == 2
    assert second.report.face_px == pytest.approx(0.6 * first.report.face_px, rel=0.05)
    assert first.face_box[0] > second.face_box[2]
    assert any("2 faces" in sentence for sentence in first.report.advice)
    with pytest.raises(PortraitError, match=r"face_index \(--face-index\) is 2, but 2 faces were found"):
        load_portrait(both, 2, cache)


@pytest.fixture
def with_false_face(monkeypatch):
    """Put a false face, as the first look finds them, at a place of the list of faces."""
    found_faces = analysis._faces

    def at(place):
        def faces(networks, picture):
            found = found_faces(networks, picture)
            far = replace(found[0], landmarks=found[0].landmarks + np.float32([5000, 5000, 0]), score=0.99)
            return [*found[:place], far, *found[place:]]

        monkeypatch.setattr(analysis, "_faces", faces)

    return at


def test_a_false_face_hides_no_true_one(with_false_face, portrait, tmp_path):
    with_false_face(0)
    found = load_portrait(SAMPLE, 0, tmp_path)
    assert np.allclose(found.landmarks, portrait.landmarks)
    assert found.report.faces_found == 1


@pytest.mark.parametrize("place", [0, 1])
def test_every_index_names_another_person_wherever_a_false_face_stands(with_false_face, tmp_path, place):
    small = cv2.resize(sample()[:400, 60:400], None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    both = on_canvas(sample(), 600, 900, 350, 40)
    both[100 : 100 + len(small), 20 : 20 + small.shape[1]] = small
    with_false_face(place)
    first, second = (load_portrait(both, index, tmp_path) for index in (0, 1))
    assert first.face_box[0] > second.face_box[2]
    with pytest.raises(PortraitError, match="is 2, but 2 faces were found"):
        load_portrait(both, 2, tmp_path)


def test_nothing_but_a_false_face_is_no_face(with_false_face, tmp_path, monkeypatch):
    with_false_face(0)
    only_false = analysis._faces
    monkeypatch.setattr(analysis, "_faces", lambda *given: only_false(*given)[:1])
    with pytest.raises(NoFaceError, match="no face was found"):
        load_portrait(SAMPLE, 0, tmp_path)


def test_detector_and_mesh_agree_on_a_person(portrait):
    assert 0 < portrait.report.misfit < 0.3


def test_eyes_that_detector_and_mesh_see_apart_are_a_misfit():
    networks = load_networks()
    found = next(search_faces(networks.detector, sample()))[0]
    fit = fit_mesh(networks.mesh, sample(), found)
    distance = float(np.linalg.norm(found.key_points[1] - found.key_points[0]))
    lower = replace(found, key_points=found.key_points + np.float32([0, 0.5 * distance]))
    swapped = replace(found, key_points=found.key_points[[1, 0, 2, 3, 5, 4]])
    assert misfit(fit, lower) == pytest.approx(misfit(fit, found) + 0.5, abs=0.15)
    assert misfit(fit, swapped) == misfit(fit, found)
    assert misfit(fit, replace(found, score=found.score - 0.2)) == pytest.approx(misfit(fit, found) + 0.2)


@pytest.fixture
def misfitting(monkeypatch):
    """Let the first look find faces that fit a person as badly as said."""
    found_faces = analysis._faces

    def so(value):
        monkeypatch.setattr(
            analysis, "_faces", lambda *given: [replace(face, misfit=value) for face in found_faces(*given)]
        )

    return so


def test_what_hardly_looks_like_a_person_is_told(misfitting, tmp_path):
    misfitting(0.45)
    found = load_portrait(SAMPLE, 0, tmp_path)
    assert found.report.misfit == 0.45
    assert "hardly looks like a person's face" in found.report.advice[0]
    assert load_portrait(SAMPLE, 0, tmp_path).report.misfit == 0.45  # remembered


def test_what_is_no_person_is_refused(misfitting, tmp_path):
    misfitting(0.8)
    with pytest.raises(NoFaceError, match=r"not a person's.*animals are not supported.*--face-box"):
        load_portrait(SAMPLE, 0, tmp_path)


@pytest.mark.parametrize("scale", [0.5, 3, 6])
def test_landmarks_do_not_depend_on_the_size_of_the_picture(portrait, cache, scale):
    resampling = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    found = load_portrait(cv2.resize(sample(), None, fx=scale, fy=scale, interpolation=resampling), cache_dir=cache)
    landmarks = (found.landmarks[:, :2] + 0.5) / scale - 0.5
    assert eye_distances(landmarks, portrait.landmarks[:, :2], portrait.report.eye_distance_px) < 0.012


def test_a_grey_picture_gives_the_same_landmarks(portrait, cache):
    found = load_portrait(cv2.cvtColor(sample(), cv2.COLOR_RGB2GRAY), cache_dir=cache)
    assert eye_distances(found.landmarks, portrait.landmarks, portrait.report.eye_distance_px) < 0.04


@pytest.mark.parametrize(
    "picture",
    [
        np.full((300, 400, 3), 128, np.uint8),
        np.random.default_rng(1).integers(0, 256, (512, 512, 3), np.uint8),
        sample()[250:, :],
    ],
    ids=["plain", "noise", "spacesuit"],
)
def test_no_face_is_an_error_that_says_what_to_try(cache, picture):
    with pytest.raises(PortraitError, match=r"no face was found .* seen from the front"):
        load_portrait(picture, cache_dir=cache)


def test_the_same_picture_gives_the_same_portrait(portrait, tmp_path):
    again = load_portrait(SAMPLE, cache_dir=tmp_path)
    assert np.array_equal(again.landmarks, portrait.landmarks)
    assert again.report == portrait.report
    assert again.digest == portrait.digest


def test_a_remembered_portrait_equals_the_measured_one(portrait, cache, monkeypatch):
    monkeypatch.setattr("sonic_core.portrait.analysis.load_networks", lambda *_: pytest.fail("measured again"))
    again = load_portrait(SAMPLE, cache_dir=cache)
    for name in ("landmarks", "eye_contours", "irises", "image"):
        assert np.array_equal(getattr(again, name), getattr(portrait, name))
    assert again.report == portrait.report
    assert again.face_box == portrait.face_box


def test_progress_is_told_and_may_stop_the_work(tmp_path):
    class StoppedError(Exception):
        pass

    told = []

    def stop_at_3(stage, done, total, preview=None):
        told.append((stage, done, total))
        if done == 3:
            raise StoppedError

    with pytest.raises(StoppedError):
        load_portrait(SAMPLE, cache_dir=tmp_path, progress=stop_at_3)
    assert told == [("portrait", i, 4) for i in range(4)]
    assert [path for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


def test_advice_is_of_this_version_and_not_of_the_one_that_measured(tmp_path, monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.setattr(quality, "WIDE_OPEN_MOUTH", 0.0)
        assert "mouth is wide open" in " ".join(load_portrait(SAMPLE, 0, tmp_path).report.advice)
    monkeypatch.setattr(analysis, "analyse", None)
    assert load_portrait(SAMPLE, 0, tmp_path).report.advice == ()


def test_a_covered_face_is_not_counted_twice_or_taken_upside_down(portrait, cache):
    masked = sample().copy()
    jaw = portrait.landmarks[[93, 58, 172, 150, 152, 379, 397, 288, 323, 195], :2].round().astype(np.int32)
    cv2.fillPoly(masked, [jaw], (225, 175, 160))
    found = load_portrait(masked, cache_dir=cache)
    assert found.report.faces_found == 1
    assert abs(found.report.roll - portrait.report.roll) < 8
