"""SVD's single file read by ComfyUI's own loader and by ours: the same pictures, the same names (with COMFYUI_PATH)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COMFYUI = os.environ.get("COMFYUI_PATH")
ROOT = Path(__file__).parents[2]

COMPARE = """
import json, sys
comfyui, root = sys.argv[1:3]
sys.argv = ["comfyui", "--cpu"]
sys.path[:0] = [comfyui, root, root + "/tests/unit"]
import torch
torch.set_grad_enabled(False)
torch.manual_seed(0)
import comfy.options
comfy.options.enable_args_parsing()
import comfy.clip_vision, comfy.sd, comfy.utils
from diffusers import AutoencoderKLTemporalDecoder
from sonic_samples import networks
from test_sonic_loading import single_file
from sonic_core.engines.sonic import svd_single_file
from sonic_core.engines.sonic.building import build_vae

full = {"block_out_channels": (128, 256, 512, 512), "down_block_types": ("DownEncoderBlock2D",) * 4, "layers_per_block": 2}
vae = AutoencoderKLTemporalDecoder(**full).eval()
for name, parameter in vae.named_parameters():
    if name.endswith("mix_factor"):
        parameter.normal_()
file = single_file(vae, networks()["clip"])
ours = build_vae(svd_single_file.vae_weights(file))

theirs = comfy.sd.VAE(sd=comfy.utils.state_dict_prefix_replace(dict(file), {"first_stage_model.": ""}, filter_keys=True))
theirs = theirs.first_stage_model.float()
z, x = torch.randn(3, 4, 8, 8), torch.randn(1, 3, 64, 64)
decoded = (ours.decode(z, num_frames=3).sample - theirs.decode(z)).abs().max().item()
prefix = "conditioner.embedders.3.encoder."
encoder = {k.removeprefix(prefix): v for k, v in file.items() if k.startswith(prefix + "encoder.")}
foreign = theirs.load_state_dict(encoder, strict=False).unexpected_keys
encoded = (ours.encode(x).latent_dist.mode() - ours.quant_conv(theirs.encoder(x))[:, :4]).abs().max().item()

visual = {k: v for k, v in file.items() if k.startswith(svd_single_file.CLIP)}
named = comfy.clip_vision.convert_to_transformers(dict(visual), svd_single_file.CLIP)
own = svd_single_file.clip_weights(file)
differing = sorted(set(named) ^ set(own)) + [k for k in set(named) & set(own) if not torch.equal(named[k], own[k])]
print(json.dumps({"decoded": decoded, "encoded": encoded, "foreign": foreign, "clip": differing}))
"""


@pytest.mark.skipif(not COMFYUI, reason="COMFYUI_PATH names no ComfyUI")
def test_svd_single_file_means_the_same_to_comfyui():
    python = os.environ.get("COMFYUI_PYTHON", sys.executable)
    command = [python, "-c", COMPARE, COMFYUI, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=COMFYUI, timeout=550)
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["decoded"] < 1e-4
    assert result["encoded"] < 1e-5
    assert result["foreign"] == []
    assert result["clip"] == []
