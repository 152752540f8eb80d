"""What the sampler needs of arrays beyond what NumPy's and PyTorch's share: one engine samples without PyTorch, one on a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = Any
"""A float32 NumPy array or PyTorch tensor; a function gives back the kind that it was given."""


def add_at(total: Array, places: NDArray[np.int64], values: Array) -> None:
    """total[places] += values, in place; where a place comes twice, both are added."""
    if isinstance(total, np.ndarray):
        np.add.at(total, places, values)
        return
    import torch

    total.index_put_((torch.from_numpy(places),), values, accumulate=True)
