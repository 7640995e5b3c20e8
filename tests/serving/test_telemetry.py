"""Loading a model sends no telemetry: onnxruntime opens neither its database nor a connection."""

import os
import subprocess
import sys
from pathlib import Path

LOAD = """
import os, sys
import leptonctl.serving.model
import onnx.helper as h
from onnxruntime import InferenceSession
node = h.make_node("Identity", ["x"], ["y"])
io = [h.make_tensor_value_info(name, 1, [1]) for name in ("x", "y")]
graph = h.make_graph([node], "g", io[:1], io[1:])
model = h.make_model(graph, opset_imports=[h.make_opsetid("", 18)], ir_version=10)
InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": __import__("numpy").zeros(1, "f4")})
open_files = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
print([target for file in open_files if os.path.exists(file) and (".db" in (target := os.readlink(file)) or "socket" in target)])
"""


def test_a_session_sends_no_telemetry(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if name not in ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")}
    done = subprocess.run([sys.executable, "-c", LOAD], env={**kept, "HOME": str(tmp_path)}, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert list(tmp_path.iterdir()) == []
