"""ONNX Runtime keeps to itself what it opens."""

import os
import subprocess
import sys

import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

OPENS = """
import sys
from sonic_core.runtime.onnx_network import check_installed
check_installed()
import onnxruntime
onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
"""
SILENCES = ("ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "CI", "TF_BUILD", "GITHUB_ACTIONS", "XDG_CACHE_HOME")


def test_nothing_is_noted_for_its_maker(tmp_path):
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Neg", ["x"], ["y"])],
        "graph",
        [value("x", onnx.TensorProto.FLOAT, [1])],
        [value("y", onnx.TensorProto.FLOAT, [1])],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(tmp_path / "network.onnx"))
    home = tmp_path / "home"
    home.mkdir()
    environment = {name: text for name, text in os.environ.items() if name not in SILENCES} | {"HOME": str(home)}
    opened = subprocess.run(
        [sys.executable, "-c", OPENS, str(tmp_path / "network.onnx")], capture_output=True, text=True, env=environment
    )
    assert opened.returncode == 0, opened.stderr
    assert list(home.rglob("*")) == []  # where what is to be sent waits, and under which number
