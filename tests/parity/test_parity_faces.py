"""Around the face network: its input sizes and grids, its rows turned into faces, and which face is chosen."""

import numpy as np
import published_faces as faces
import pytest
from parity_fixtures import cases
from test_parity_picture import info, tables

from sonic_core.errors import NoFaceError
from sonic_core.portrait.analysis import load_portrait


@cases(tables("yoloface_postprocess"))
def test_faces_from_the_networks_rows(case):
    name, i = case
    row = info(name)["yoloface_postprocess"][i]
    height, width = row["image_hw"]
    size = faces.network_size(height, width)
    assert [1, 3, *size] == row["net_input"]
    grids = faces.cell_grids(*size)
    assert [list(grid.shape) for grid in grids] == row["grids"]
    assert all(grid[0, 0, 1, 2].tolist() == [2, 1] for grid in grids)

    found = faces.faces_from_rows(np.array(row["pred"]), height, width)
    assert found.boxes == pytest.approx(np.reshape(row["boxes_xywh"], (-1, 4)), abs=1e-4)
    assert found.scores == pytest.approx(np.array(row["scores"]), abs=1e-6)
    assert found.landmarks == pytest.approx(np.reshape(row["landmarks"], (-1, 10)), abs=1e-4)


@cases(tables("face_choice"))
def test_which_face_is_chosen(case):
    name, i = case
    row = info(name)["face_choice"][i]
    assert faces.published_choice(row["boxes_xywh"]) == row["reference_index"]
    assert faces.largest(row["boxes_xywh"]) == row["true_largest"]


@cases(tables("no_face_returns_none"))
def test_a_picture_without_a_face_has_none(case, tmp_path):
    assert not len(faces.faces_from_rows(np.zeros((0, 16)), 416, 416).boxes)
    with pytest.raises(NoFaceError):
        load_portrait(np.zeros((128, 128, 3), np.uint8), cache_dir=tmp_path)
