"""onnxruntime, inference alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from workloads import NETWORKS, weights


def version() -> str:
    return f"onnxruntime {onnxruntime.__version__}"


def infer(name: str, rows: int, threads: int = 2) -> Callable[[int], Any]:
    widths = NETWORKS[name]
    nodes, constants, last = [], [], "x"
    for i, (w, b) in enumerate(weights(widths)):
        constants += [numpy_helper.from_array(w, f"w{i}"), numpy_helper.from_array(b, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [last, f"w{i}", f"b{i}"], [f"z{i}"]))
        final = i == len(widths) - 2
        last = "a" if final else f"a{i}"
        nodes.append(helper.make_node("Softmax" if final else "Relu", [f"z{i}"], [last]))
    shaped = lambda label, width: helper.make_tensor_value_info(label, TensorProto.FLOAT, ["n", width])  # noqa: E731
    graph = helper.make_graph(nodes, name, [shaped("x", widths[0])], [shaped("a", widths[-1])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).standard_normal((rows, widths[0]), dtype=np.float32)

    def run(times: int) -> None:
        for _ in range(times):
            session.run(["a"], {"x": x})

    return run
