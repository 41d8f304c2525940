"""A network of a few lines, so that the tests need no trained weights."""

import json
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a network: logit = 2 SUV - 5 + 6 near foreground - 6 near background.

    Near is 1 on a stroke and falls to 0 at 20 mm. The sum is averaged over 3 x 3 x 3 voxels, so
    that the network looks beyond a voxel as real ones do.
    """
    from onnx import TensorProto, helper, numpy_helper

    mix = np.zeros((1, 7, 3, 3, 3), np.float32)
    mix[0, 0] = 2.0
    mix[0, 2] = 6.0
    mix[0, 3] = -6.0
    mix /= 27
    free = ["batch", 7, "x", "y", "z"]
    scale = np.array([1, 0, -1 / 20, -1 / 20, 0, 0, 0], np.float32).reshape(1, 7, 1, 1, 1)
    shift = np.array([0, 0, 1, 1, 0, 0, 0], np.float32).reshape(1, 7, 1, 1, 1)
    nodes = [
        helper.make_node("Mul", ["inputs", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["shifted"]),
        helper.make_node("Relu", ["shifted"], ["near"]),
        helper.make_node("Conv", ["near", "mix", "bias"], ["logits"], pads=[1] * 6),
    ]
    constants = {"scale": scale, "shift": shift, "mix": mix, "bias": np.array([-5], np.float32)}
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("inputs", TensorProto.FLOAT, free)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 1, "x", "y", "z"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    folder = tmp_path_factory.mktemp("tiny")
    onnx.save(model, str(folder / "network.onnx"))
    facts = {"threshold": 0.5, "temperature": 1.0, "bias": 0.0, "spacing_mm": 4.0, "multiple": 8}
    (folder / "network.json").write_text(json.dumps(facts))
    return folder
