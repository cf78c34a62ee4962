"""Writes bright.onnx: a detector with YOLOX's input and output that finds what is white.

    pip install onnx && python make_detector.py

Its photo is 64 pixels a side. For each of the strides 8, 16 and 32 it takes the mean of each cell and says that
there is a car as large as the cell; how surely, by how white it is, and at the smaller strides never surely.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE, CLASSES, CAR = 64, 4, 2

nodes, weights, parts = [], [], []


def weight(name, values, kind=np.float32):
    weights.append(numpy_helper.from_array(np.array(values, kind), name))
    return name


for stride in (8, 16, 32):
    cells, name = (SIDE // stride) ** 2, f"of{stride}"
    nodes.append(helper.make_node("AveragePool", ["images"], [f"{name}/mean"], kernel_shape=[stride] * 2, strides=[stride] * 2))
    # A box in the middle of its cell and as large.
    where = np.zeros((4, 3, 1, 1))
    weight(f"{name}/where", where)
    weight(f"{name}/where_bias", [0.5, 0.5, 0.0, 0.0])
    nodes.append(helper.make_node("Conv", [f"{name}/mean", f"{name}/where", f"{name}/where_bias"], [f"{name}/box"]))
    # White is 255 in all three colours; the grey beside a photo is 114.
    weight(f"{name}/white", np.full((1, 3, 1, 1), 0.1 / 3))
    weight(f"{name}/white_bias", [-20.0 if stride == 32 else -99.0])
    nodes.append(helper.make_node("Conv", [f"{name}/mean", f"{name}/white", f"{name}/white_bias"], [f"{name}/there"]))
    weight(f"{name}/class", np.zeros((CLASSES, 3, 1, 1)))
    weight(f"{name}/class_bias", [9.0 if at == CAR else -9.0 for at in range(CLASSES)])
    nodes.append(helper.make_node("Conv", [f"{name}/mean", f"{name}/class", f"{name}/class_bias"], [f"{name}/kind"]))
    nodes.append(helper.make_node("Concat", [f"{name}/there", f"{name}/kind"], [f"{name}/logits"], axis=1))
    nodes.append(helper.make_node("Sigmoid", [f"{name}/logits"], [f"{name}/scores"]))
    nodes.append(helper.make_node("Concat", [f"{name}/box", f"{name}/scores"], [f"{name}/all"], axis=1))
    weight(f"{name}/shape", [1, 5 + CLASSES, cells], np.int64)
    nodes.append(helper.make_node("Reshape", [f"{name}/all", f"{name}/shape"], [f"{name}/cells"]))
    parts.append(f"{name}/cells")
nodes.append(helper.make_node("Concat", parts, ["all"], axis=2))
nodes.append(helper.make_node("Transpose", ["all"], ["output"], perm=[0, 2, 1]))
rows = sum((SIDE // stride) ** 2 for stride in (8, 16, 32))
graph = helper.make_graph(
    nodes,
    "bright",
    [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
    [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, rows, 5 + CLASSES])],
    weights,
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=7)
onnx.checker.check_model(model)
onnx.save(model, "bright.onnx")
