"""Milliseconds to embed a photo on this CPU: Lookalike, ONNX Runtime and OpenVINO in turns.

    cargo build --release --example embed_rounds
    pip install onnxruntime openvino nncf onnx numpy safetensors
    python benches/peers/embed_peers.py [--threads 2] [WEIGHTS.safetensors ...]

The networks have the same weights: a file is written as an ONNX graph, batch norm folded, from photo to
embedding. Without files the three networks have random weights, which do not change the speed. Every round
gives each engine the same time; the best round counts. OpenVINO's int8 is NNCF's, with
its own settings. The cosines are the smallest between Lookalike's and
ONNX Runtime's embeddings of the same noise, in f32 and in int8. Networks are calibrated on four noise photos:
enough to measure speed, not for use.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile

import nncf
import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file, save_file

from rounds import best

PROGRAM = "target/release/examples/embed_rounds"
BATCHES = (1, 8)
# MobileNetV3-Large: kernel, expanded, out, squeeze, hard swish, stride.
MOBILENET = [
    (3, 16, 16, 0, 0, 1), (3, 64, 24, 0, 0, 2), (3, 72, 24, 0, 0, 1), (5, 72, 40, 1, 0, 2),
    (5, 120, 40, 1, 0, 1), (5, 120, 40, 1, 0, 1), (3, 240, 80, 0, 1, 2), (3, 200, 80, 0, 1, 1),
    (3, 184, 80, 0, 1, 1), (3, 184, 80, 0, 1, 1), (3, 480, 112, 1, 1, 1), (3, 672, 112, 1, 1, 1),
    (5, 672, 160, 1, 1, 2), (5, 960, 160, 1, 1, 1), (5, 960, 160, 1, 1, 1),
]
VGG = [(0, 64), (2, 64), (5, 128), (7, 128), (10, 256), (12, 256), (14, 256), (16, 256)]
VGG += [(n, 512) for n in (19, 21, 23, 25, 28, 30, 32, 34)]
VGG_POOLED = {2, 7, 16, 25, 34}


class Graph:
    """An ONNX graph that grows by a layer at a time."""

    def __init__(self, tensors, side=224, epsilon=1e-5):
        self.tensors, self.nodes, self.constants = tensors, [], []
        self.side, self.epsilon = side, epsilon

    def add(self, op, inputs, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def constant(self, values):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return name

    def conv(self, x, layer, norm=None, stride=1, depthwise=False, same=False, act=None):
        weight = self.tensors[f"{layer}.weight"].astype(np.float32)
        weight = weight.reshape(*weight.shape, *[1] * (4 - weight.ndim))
        if norm:
            part = {p: self.tensors[f"{norm}.{p}"].astype(np.float32)
                    for p in ("weight", "bias", "running_mean", "running_var")}
            scale = part["weight"] / np.sqrt(part["running_var"] + self.epsilon)
            weight = weight * scale[:, None, None, None]
            bias = part["bias"] - part["running_mean"] * scale
        else:
            bias = self.tensors[f"{layer}.bias"]
        side = weight.shape[2]
        pads = {"auto_pad": "SAME_UPPER"} if same else {"pads": [side // 2] * 4}
        x = self.add("Conv", [x, self.constant(weight), self.constant(bias)], strides=[stride] * 2,
                     kernel_shape=[side] * 2, group=len(bias) if depthwise else 1, **pads)
        if act == "Relu6":
            return self.add("Clip", [x, self.constant(0.0), self.constant(6.0)])
        return self.add(act, [x]) if act else x

    def model(self, out, dim):
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, self.side, self.side])
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", dim])
        self.nodes.append(helper.make_node("Flatten", [out], ["y"]))
        graph = helper.make_graph(self.nodes, "network", [x], [y], self.constants)
        opset = [helper.make_opsetid("", 17)]
        return helper.make_model(graph, opset_imports=opset, ir_version=8)


def mobilenet(tensors):
    """By this project's own names, batch norm folded; minimalistic where nothing squeezes."""
    full = "blocks.3.squeeze.weight" in tensors
    graph, channels = Graph(tensors), 16
    swish = "HardSwish" if full else "Relu"
    same = not full
    x = graph.conv("x", "conv", stride=2, same=same, act=swish)
    for number, (kernel, expanded, out, squeeze, hard, stride) in enumerate(MOBILENET):
        name, act, shortcut = f"blocks.{number}", "HardSwish" if full and hard else "Relu", x
        if f"{name}.expand.weight" in tensors:
            x = graph.conv(x, f"{name}.expand", act=act)
        x = graph.conv(x, f"{name}.depthwise", stride=stride, depthwise=True, same=same, act=act)
        if full and squeeze:
            gate = graph.conv(graph.add("GlobalAveragePool", [x]), f"{name}.squeeze", act="Relu")
            gate = graph.conv(gate, f"{name}.excite")
            gate = graph.add("HardSigmoid", [gate], alpha=1 / 6, beta=0.5)
            x = graph.add("Mul", [x, gate])
        x = graph.conv(x, f"{name}.project")
        if stride == 1 and channels == out:
            x = graph.add("Add", [x, shortcut])
        channels = out
    x = graph.add("GlobalAveragePool", [graph.conv(x, "conv_1", act=swish)])
    return graph.model(graph.conv(x, "conv_2", act=swish), 1280)


def lite(tensors, side):
    """EfficientNet-Lite by timm's names; strides are those of all five."""
    graph = Graph(tensors, side, epsilon=1e-3)
    x = graph.conv("x", "conv_stem", "bn1", stride=2, same=True, act="Relu6")
    for stage, stride in enumerate((1, 2, 2, 2, 1, 2, 1)):
        block = 0
        while f"blocks.{stage}.{block}.conv_dw.weight" in tensors:
            name, shortcut = f"blocks.{stage}.{block}", x
            expands = f"{name}.conv_pwl.weight" in tensors
            if expands:
                x = graph.conv(x, f"{name}.conv_pw", f"{name}.bn1", act="Relu6")
            norm, project = ("bn2", ("conv_pwl", "bn3")) if expands else ("bn1", ("conv_pw", "bn2"))
            x = graph.conv(x, f"{name}.conv_dw", f"{name}.{norm}", stride=stride if not block else 1,
                           depthwise=True, same=True, act="Relu6")
            x = graph.conv(x, f"{name}.{project[0]}", f"{name}.{project[1]}")
            if block:
                x = graph.add("Add", [x, shortcut])
            block += 1
    x = graph.conv(x, "conv_head", "bn2", act="Relu6")
    return graph.model(graph.add("GlobalAveragePool", [x]), 1280)


def resnet(tensors):
    graph = Graph(tensors)
    x = graph.conv("x", "conv1", "bn1", stride=2, act="Relu")
    x = graph.add("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            name, stride = f"layer{stage + 1}.{block}", 2 if stage and not block else 1
            y = graph.conv(x, f"{name}.conv1", f"{name}.bn1", act="Relu")
            y = graph.conv(y, f"{name}.conv2", f"{name}.bn2", stride=stride, act="Relu")
            y = graph.conv(y, f"{name}.conv3", f"{name}.bn3")
            if not block:
                x = graph.conv(x, f"{name}.downsample.0", f"{name}.downsample.1", stride=stride)
            x = graph.add("Relu", [graph.add("Add", [y, x])])
    return graph.model(graph.add("GlobalAveragePool", [x]), 2048)


def vgg(tensors):
    graph, x = Graph(tensors), "x"
    for number, _ in VGG:
        x = graph.conv(x, f"features.{number}", act="Relu")
        if number in VGG_POOLED:
            x = graph.add("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
    return graph.model(graph.add("GlobalAveragePool", [x]), 512)


def network(tensors, side):
    if "conv_stem.weight" in tensors:
        return lite(tensors, side)
    if "layer1.0.conv1.weight" in tensors:
        return resnet(tensors)
    return vgg(tensors) if "features.34.weight" in tensors else mobilenet(tensors)


def random_weights(folder):
    """A file for each network, He's variance."""
    noise = np.random.default_rng(0)
    tensors = {}

    def layer(name, *shape, norm=None):
        scale = np.sqrt(2 / np.prod(shape[1:]))
        tensors[f"{name}.weight"] = (noise.standard_normal(shape) * scale).astype(np.float32)
        if norm:
            for part, low in (("weight", 0.5), ("running_var", 0.5), ("bias", 0), ("running_mean", 0)):
                tensors[f"{norm}.{part}"] = (low + noise.random(shape[0]) * 0.5).astype(np.float32)
        else:
            tensors[f"{name}.bias"] = (noise.random(shape[0]) * 0.1).astype(np.float32)

    def written(name):
        path = pathlib.Path(folder) / f"{name}.safetensors"
        save_file(tensors, path)
        tensors.clear()
        return path

    channels = 16
    layer("conv", 16, 3, 3, 3)
    for number, (kernel, expanded, out, squeeze, _, _) in enumerate(MOBILENET):
        name = f"blocks.{number}"
        if number:
            layer(f"{name}.expand", expanded, channels, 1, 1)
        layer(f"{name}.depthwise", expanded, 1, kernel, kernel)
        if squeeze:
            squeezed = (expanded // 4 + 4) // 8 * 8
            layer(f"{name}.squeeze", squeezed, expanded, 1, 1)
            layer(f"{name}.excite", expanded, squeezed, 1, 1)
        layer(f"{name}.project", out, expanded, 1, 1)
        channels = out
    layer("conv_1", 960, 160, 1, 1)
    layer("conv_2", 1280, 960, 1, 1)
    layer("logits", 10, 1280, 1, 1)
    yield written("mobilenet_v3")

    channels = 64
    layer("conv1", 64, 3, 7, 7, norm="bn1")
    for stage, blocks in enumerate((3, 4, 6, 3)):
        narrow = 64 << stage
        for block in range(blocks):
            name = f"layer{stage + 1}.{block}"
            layer(f"{name}.conv1", narrow, channels, 1, 1, norm=f"{name}.bn1")
            layer(f"{name}.conv2", narrow, narrow, 3, 3, norm=f"{name}.bn2")
            layer(f"{name}.conv3", narrow * 4, narrow, 1, 1, norm=f"{name}.bn3")
            if not block:
                layer(f"{name}.downsample.0", narrow * 4, channels, 1, 1, norm=f"{name}.downsample.1")
            channels = narrow * 4
    layer("fc", 10, 2048)
    yield written("resnet50")

    channels = 3
    for number, out in VGG:
        layer(f"features.{number}", out, channels, 3, 3)
        channels = out
    layer("classifier", 10, 512)
    yield written("vgg19")


class Own:
    """This project's program, which embeds when it is told to."""

    def __init__(self, threads):
        environment = dict(os.environ, RAYON_NUM_THREADS=str(threads))
        self.program = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=environment)

    def tell(self, *words):
        print(*words, file=self.program.stdin, flush=True)
        return json.loads(self.program.stdout.readline())


def measure(path, own, in_bytes, threads, rounds, seconds, folder):
    tensors = load_file(path)
    loaded = own.tell("load", path)
    name, side = loaded["network"], loaded["side"]
    file = f"{folder}/network.onnx"
    onnx.save(network(tensors, side), file)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    core = openvino.Core()

    def compiled(batch, precision, quantised=False):
        model = core.read_model(file)
        if quantised:
            calibration = nncf.Dataset([photo[None] for photo in photos], lambda photo: {"x": photo})
            model = nncf.quantize(model, calibration, subset_size=len(photos))
        model.reshape({"x": [batch, 3, side, side]})
        settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision,
                    "PERFORMANCE_HINT": "LATENCY"}
        return core.compile_model(model, "CPU", settings)

    noise = np.random.default_rng(1)
    photos = noise.standard_normal((4, 3, side, side)).astype(np.float32)
    photos.tofile(f"{folder}/photos")
    theirs = session.run(None, {"x": photos})[0]
    in_bytes.tell("quantise", path, f"{folder}/photos", f"{folder}/quantised")
    in_bytes.tell("load", f"{folder}/quantised")

    def cosine(program):
        program.tell("embed", f"{folder}/photos", f"{folder}/embeddings")
        ours = np.fromfile(f"{folder}/embeddings", np.float32).reshape(theirs.shape)
        dots = (ours * theirs).sum(1)
        lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
        return round(float((dots / lengths).min()), 7)

    cosines = {"cosine": cosine(own), "int8 cosine": cosine(in_bytes)}
    for batch in BATCHES:
        x = noise.standard_normal((batch, 3, side, side)).astype(np.float32)
        f32, bf16 = compiled(batch, "f32"), compiled(batch, "bf16")
        int8 = compiled(batch, "f32", quantised=True)
        engines = {
            "lookalike": lambda: own.tell("time", batch, seconds)["ms"],
            "lookalike int8": lambda: in_bytes.tell("time", batch, seconds)["ms"],
            "onnxruntime": lambda: best(lambda: session.run(None, {"x": x}), seconds),
            "openvino f32": lambda: best(lambda: f32(x), seconds),
            "openvino bf16": lambda: best(lambda: bf16(x), seconds),
            "openvino int8": lambda: best(lambda: int8(x), seconds),
        }
        times = {engine: float("inf") for engine in engines}
        for _ in range(rounds):
            for engine, run in engines.items():
                times[engine] = min(times[engine], run() / batch)
        found = {"network": name, "batch": batch}
        found |= {f"{engine} ms": round(ms, 2) for engine, ms in times.items()}
        peer = min(times["onnxruntime"], times["openvino f32"])
        found |= {"ratio to faster f32": round(times["lookalike"] / peer, 3)}
        for peer in ("bf16", "int8"):
            ratio = times["lookalike int8"] / times[f"openvino {peer}"]
            found |= {f"int8 ratio to {peer}": round(ratio, 3)}
        print(json.dumps(found | cosines), flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("weights", nargs="*")
    arguments.add_argument("--threads", type=int, default=os.cpu_count())
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=2)
    given = arguments.parse_args()
    own, in_bytes = Own(given.threads), Own(given.threads)
    versions = {"onnxruntime": onnxruntime.__version__, "openvino": openvino.__version__}
    print(json.dumps(versions | {"threads": given.threads}))
    with tempfile.TemporaryDirectory() as folder:
        for path in given.weights or random_weights(folder):
            measure(path, own, in_bytes, given.threads, given.rounds, given.seconds, folder)


if __name__ == "__main__":
    main()
