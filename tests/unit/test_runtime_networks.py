"""Descriptions of networks hold wherever the package is: ComfyUI imports it under the path of its folder."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ELSEWHERE = """
import importlib.util, sys
from importlib import import_module

name, folder = "C:/nodes/pack", sys.argv[1]
spec = importlib.util.spec_from_file_location(name, f"{folder}/__init__.py", submodule_search_locations=[folder])
sys.modules[name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules[name])
described = import_module(f"{name}.engines.lite.exporting").SPECS
for network in described:
    module, _, function = network.maker.rpartition(":")
    assert function and importlib.util.find_spec(module) is not None, network.maker
assert [network.example_inputs(network.tried_at[0]) for network in described if network.examples]
assert "sonic_core" not in sys.modules
"""


def test_networks_are_found_where_no_package_is_called_sonic_core(tmp_path):
    code = [sys.executable, "-I", "-c", ELSEWHERE, str(ROOT / "sonic_core")]
    ended = subprocess.run(code, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
