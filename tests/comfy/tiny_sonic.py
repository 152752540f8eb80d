"""A models folder with a tiny random Sonic in it, under the very names that the high-quality template chooses."""

from __future__ import annotations

import json
import shutil
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from pack_loading import ROOT
from safetensors.torch import save_file

sys.path.append(str(ROOT / "tests" / "unit"))

from sonic_samples import CLIP, networks, write_models
from test_sonic_loading import single_file


def write_tiny_sonic(models: Path) -> None:
    """The published files, SVD as its single file."""
    shutil.copytree(_written().name, models, dirs_exist_ok=True)


@cache
def _written() -> TemporaryDirectory[str]:
    """The files, made once; the folder goes with the process."""
    made = TemporaryDirectory()
    models = Path(made.name)
    write_models(models)
    shutil.rmtree(models / "diffusers")
    checkpoints = models / "checkpoints"
    checkpoints.mkdir()
    nets = networks()
    save_file(single_file(nets["vae"], nets["clip"]), checkpoints / "svd_xt.safetensors")
    heads = {"image_encoder": {"num_attention_heads": CLIP["num_attention_heads"]}}
    (checkpoints / "config.json").write_text(json.dumps(heads))
    return made
