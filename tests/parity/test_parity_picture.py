"""The picture's side: size rule, mask, reference and CLIP tensors, crop boxes, against the published code."""

import numpy as np
import torch
from parity_fixtures import cases, close, fixtures, info, tensors
from published_parts import square_crop

from sonic_core.engines.sonic import picture


def tables(key):
    """Rows of a table, or its one entry where it is none."""
    held = ((name, info(name).get(key, [])) for name in fixtures("d_tables"))
    return [(name, i) for name, rows in held for i in range(len(rows) if isinstance(rows, list) else 1)]


def xyxy(box):
    x, y, width, height = box
    return x, y, x + width, y + height


@cases(tables("resize"))
def test_generated_size(case):
    name, i = case
    row = info(name)["resize"][i]
    assert list(picture.generated_size(*row["wh"], row["image_size"])) == row["out_wh"]


@cases(tables("mask_rect"))
def test_mask_rectangle(case):
    name, i = case
    row = info(name)["mask_rect"][i]
    height, width = row["hw"]
    mask = picture.face_mask(xyxy(row["bbox_xywh"]), width, height, row["area"])
    assert np.count_nonzero(mask) == row["pixels"]
    if row["pixels"]:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert [rows[0], rows[-1] + 1, columns[0], columns[-1] + 1] == row["rect_y0y1x0x1"]


@cases(tables("process_bbox"))
def test_square_crop(case):
    name, i = case
    row = info(name)["process_bbox"][i]
    assert list(square_crop(row["bbox_xyxy"], row["width"], row["height"], row["expand"])) == row["out"]


def pictures():
    return [(name, key) for name in fixtures("d_preprocess") for key in info(name)["cases"]]


@cases(pictures())
def test_reference_mask_and_clip_tensors(case):
    name, key = case
    row, stored = info(name)["cases"][key], tensors(name)
    image = stored[f"{key}.image_u8"].numpy()
    height, width = image.shape[:2]
    new_width, new_height = picture.generated_size(width, height, row["image_size"])
    assert [new_height, new_width] == row["out_hw"]

    mask = picture.resize(picture.face_mask(xyxy(row["bbox_xywh"]), width, height, row["area"]), new_width, new_height)
    assert np.array_equal(mask, stored[f"{key}.face_mask_u8"].numpy())
    resized = picture.resize(image, new_width, new_height)
    if f"{key}.ref_img" in stored:
        close(picture.reference_tensor(resized)[0], stored[f"{key}.ref_img"], 1e-6)
    clip = picture.clip_tensor(resized)[0]
    if f"{key}.clip_image_every4" in stored:
        close(clip[:, ::4, ::4], stored[f"{key}.clip_image_every4"], 1e-6)
    stats = row["clip_stats"]
    first = torch.tensor(stats["first"])
    close(clip.flatten()[: len(first)], first, 1e-6)
    assert abs(clip.mean().item() - stats["mean"]) < 1e-6
