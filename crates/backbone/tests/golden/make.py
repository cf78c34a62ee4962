"""Makes the JSON files beside it: what PyTorch computes with the made-up weights of crates/testkit on
a made-up input, for crates/backbone/tests/golden.rs to compare with. Logits and embeddings; of each
stage's result, numbers spread over it; of each parameter's gradient, its length and its product with
noise, of which every number counts. PyTorch computes in float64: what is off is then our own error.

The networks are torchvision's and timm's own; the minimalistic one is written out below. VGG19's dense
layers are 64 wide in place of 4096, which keeps files small. No weights and no photos are read. Run on
a CPU with Python 3.11.7, torch 2.15.0, torchvision 0.29.2, timm 1.0.31 and numpy 2.4.6:

    python crates/backbone/tests/golden/make.py
"""

import json
import math
import zlib
from pathlib import Path

import numpy as np
import timm
import torch
import torch.nn.functional as F
import torchvision

# Howard et al., "Searching for MobileNetV3", 2019, table 1:
# kernel, expanded channels, output channels, squeeze-and-excitation, stride
TABLE = [
    (3, 16, 16, False, 1),
    (3, 64, 24, False, 2),
    (3, 72, 24, False, 1),
    (5, 72, 40, True, 2),
    (5, 120, 40, True, 1),
    (5, 120, 40, True, 1),
    (3, 240, 80, False, 2),
    (3, 200, 80, False, 1),
    (3, 184, 80, False, 1),
    (3, 184, 80, False, 1),
    (3, 480, 112, True, 1),
    (3, 672, 112, True, 1),
    (5, 672, 160, True, 2),
    (5, 960, 160, True, 1),
    (5, 960, 160, True, 1),
]
TIMM_STAGES = [1, 2, 3, 4, 2, 3]
TIMM_CLASSES, MINIMALISTIC_CLASSES = 10, 11
SIDE, CELL = 224, 16
WIDTH, SAMPLES = 64, 16


def noise(name, count):
    """Numbers from -0.5 up to 0.5; lookalike_testkit::Noise."""
    mask = np.uint64(0xFFFFFFFF)
    index = np.arange(count, dtype=np.uint64)
    h = (index * np.uint64(2654435761) + np.uint64(zlib.crc32(name.encode()))) & mask
    h = ((h ^ (h >> np.uint64(16))) * np.uint64(0x85EBCA6B)) & mask
    h = ((h ^ (h >> np.uint64(13))) * np.uint64(0xC2B2AE35)) & mask
    h ^= h >> np.uint64(16)
    return h.astype(np.float64) / 4294967296.0 - 0.5


def values(name, shape):
    """lookalike_testkit::weights::values."""
    u = noise(name, math.prod(shape))
    if len(shape) >= 2:
        fan_in = math.prod(shape[1:])
        u = u.reshape(shape[0], fan_in)
        u = (u - np.roll(u, 1, axis=1)) * math.sqrt(12.0 / fan_in)
    elif name.endswith(("running_var", "weight")):
        u = 0.5 + (u + 0.5)
    else:
        u = 0.2 * u
    return u.astype(np.float32).reshape(shape)


def picture_like(side):
    """2x3x`side`x`side` from -1 to 1: patches of colour that flow into each other, and a little grain."""
    nodes = side // CELL + 1
    lattice = 2.0 * noise("input", 2 * 3 * nodes * nodes).reshape(2, 3, nodes, nodes)
    at = np.arange(side)
    cell, share = at // CELL, (at % CELL) / CELL
    down = share[:, None]
    left = lattice[..., cell]
    across = left + (lattice[..., cell + 1] - left) * share
    above = across[:, :, cell]
    smooth = above + (across[:, :, cell + 1] - above) * down
    patches = np.clip(3.0 * smooth, -1.0, 1.0)
    grain = 2.0 * noise("grain", smooth.size).reshape(smooth.shape)
    return (0.9 * patches + 0.1 * grain).astype(np.float32)


def minimalistic_shapes(classes):
    """lookalike_testkit::weights::minimalistic."""
    shapes = {}

    def conv(name, *shape):
        shapes[f"{name}.weight"] = shape
        shapes[f"{name}.bias"] = shape[:1]

    conv("conv", 16, 3, 3, 3)
    channels = 16
    for number, (_, expanded, out, _, _) in enumerate(TABLE):
        if number > 0:
            conv(f"blocks.{number}.expand", expanded, channels, 1, 1)
        conv(f"blocks.{number}.depthwise", expanded, 1, 3, 3)
        conv(f"blocks.{number}.project", out, expanded, 1, 1)
        channels = out
    conv("conv_1", 960, channels, 1, 1)
    conv("conv_2", 1280, 960, 1, 1)
    conv("logits", classes, 1280, 1, 1)
    return shapes


def run_minimalistic(weights, x, _):
    def conv(x, name, stride=1, groups=1):
        weight = weights[f"{name}.weight"]
        # TensorFlow's SAME: as much padding as is needed, the odd pixel behind.
        total = max((-(-x.shape[-1] // stride) - 1) * stride + weight.shape[-1] - x.shape[-1], 0)
        before, after = total // 2, total - total // 2
        x = F.pad(x, (before, after, before, after))
        return F.conv2d(x, weight, weights[f"{name}.bias"], stride=stride, groups=groups)

    x = F.relu(conv(x, "conv", stride=2))
    stages = {"stem": x}
    for number, (_, expanded, out, _, stride) in enumerate(TABLE):
        y = x
        if number > 0:
            y = F.relu(conv(y, f"blocks.{number}.expand"))
        y = F.relu(conv(y, f"blocks.{number}.depthwise", stride=stride, groups=expanded))
        y = conv(y, f"blocks.{number}.project")
        x = x + y if stride == 1 and x.shape[1] == out else y
        stages[f"block_{number}"] = x
    x = F.relu(conv(x, "conv_1"))
    stages["last_conv"] = x
    x = F.relu(conv(x.mean(dim=(2, 3), keepdim=True), "conv_2"))
    return stages, x.flatten(1), conv(x, "logits").flatten(1)


class Module:
    """A network of torchvision's or timm's, with hooks where a stage or the embedding comes out."""

    def __init__(self, network, stages, embedding):
        self.network, self.embedding, self.seen = network, embedding, {}
        for name, path in {**stages, "embedding": embedding}.items():
            hook = lambda _, __, out, name=name: self.seen.__setitem__(name, out)
            network.get_submodule(path).register_forward_hook(hook)

    def shapes(self):
        state = self.network.state_dict()
        return {k: tuple(v.shape) for k, v in state.items() if not k.endswith("batches_tracked")}

    def __call__(self, weights, x, train):
        self.network.train(train)
        for module in self.network.modules():
            if isinstance(module, torch.nn.Dropout):
                module.eval()
        logits = torch.func.functional_call(self.network, weights, (x,))
        seen = dict(self.seen)
        embedding = seen.pop("embedding").flatten(1)
        return seen, embedding, logits


def timm_mobilenet():
    blocks = [(stage, block) for stage, n in enumerate(TIMM_STAGES) for block in range(n)]
    stages = {f"block_{i}": f"blocks.{stage}.{block}" for i, (stage, block) in enumerate(blocks)}
    network = timm.create_model("mobilenetv3_large_100", num_classes=TIMM_CLASSES)
    return Module(network, {"stem": "bn1", **stages, "last_conv": "blocks.6"}, "act2")


def efficientnet_lite(number):
    network = timm.create_model(f"tf_efficientnet_lite{number}", num_classes=TIMM_CLASSES)
    blocks = [(stage, block) for stage, part in enumerate(network.blocks) for block in range(len(part))]
    stages = {f"block_{i}": f"blocks.{stage}.{block}" for i, (stage, block) in enumerate(blocks)}
    return Module(network, {"stem": "bn1", **stages, "last_conv": "bn2"}, "global_pool")


def torchvision_mobilenet():
    stages = {f"block_{i}": f"features.{i + 1}" for i in range(15)}
    network = torchvision.models.mobilenet_v3_large(num_classes=TIMM_CLASSES)
    stages = {"stem": "features.0", **stages, "last_conv": "features.16"}
    return Module(network, stages, "classifier.1")


def resnet50(library):
    network = library("resnet50", num_classes=TIMM_CLASSES)
    stages = {"stem": "maxpool", **{f"layer{i}": f"layer{i}" for i in (1, 2, 3, 4)}}
    return Module(network, stages, "avgpool" if hasattr(network, "avgpool") else "global_pool")


VGG_POOLS = {f"block_{i + 1}": f"features.{number}" for i, number in enumerate((4, 9, 18, 27, 36))}


def vgg19():
    network = torchvision.models.vgg19(num_classes=TIMM_CLASSES)
    dense = network.classifier
    dense[0] = torch.nn.Linear(25088, WIDTH)
    dense[3], dense[6] = torch.nn.Linear(WIDTH, WIDTH), torch.nn.Linear(WIDTH, TIMM_CLASSES)
    return Module(network, VGG_POOLS, "classifier.4")


def timm_vgg19():
    network = timm.create_model("vgg19", num_classes=TIMM_CLASSES)
    network.pre_logits.fc1 = torch.nn.Conv2d(512, WIDTH, 7)
    network.pre_logits.fc2 = torch.nn.Conv2d(WIDTH, WIDTH, 1)
    network.head.fc = torch.nn.Linear(WIDTH, TIMM_CLASSES)
    return Module(network, VGG_POOLS, "pre_logits.act2")


def plain_vgg19():
    network = torchvision.models.vgg19(num_classes=TIMM_CLASSES)
    network.avgpool = torch.nn.AdaptiveAvgPool2d(1)
    network.classifier = torch.nn.Linear(512, TIMM_CLASSES)
    return Module(network, VGG_POOLS, "avgpool")


def digits(values):
    return [float(f"{v:.7g}") for v in values]


def gradients_of(run, numbers, x, train=False, dtype=torch.float64):
    """Of sum(logits * noise) to every parameter, and batch norm's moved statistics."""
    statistics = ("running_mean", "running_var")
    weights = {k: torch.from_numpy(v.copy()).to(dtype) for k, v in numbers.items()}
    for name, weight in weights.items():
        weight.requires_grad_(not name.endswith(statistics))
    _, _, logits = run(weights, torch.from_numpy(x).to(dtype), train)
    factors = noise("loss", logits.numel()).reshape(tuple(logits.shape)).astype(np.float32)
    (logits * torch.from_numpy(factors).to(dtype)).sum().backward()
    found = {}
    for name, weight in weights.items():
        if weight.requires_grad:
            gradient = weight.grad.numpy().astype(np.float64).ravel()
            product = gradient @ noise(f"grad {name}", gradient.size)
            found[name] = digits([np.sqrt(gradient @ gradient), product])
    moved = {k: digits(v.numpy()[:8]) for k, v in weights.items() if k.endswith(statistics)}
    return found, {k: v for k, v in moved.items() if k.startswith(("bn1.", "features.0."))}


def furthest(found, golden):
    """How far PyTorch itself is off in float32, measured as the test measures."""
    longest = max(length for length, _ in golden.values())
    off = {
        name: max(abs(found[name][0] - length), abs(found[name][1] - product) / 0.29)
        / max(length, 1e-6 * longest)
        for name, (length, product) in golden.items()
    }
    return max((value, name) for name, value in off.items())


def make(name, shapes, run, side=SIDE, gradients=None, same=None):
    numbers = {name: values(name, shape) for name, shape in sorted(shapes.items())}
    checksum = 0
    for tensor, array in numbers.items():
        shape = "x".join(map(str, array.shape))
        checksum = zlib.crc32(f"{tensor} {shape}\n".encode(), checksum)
        checksum = zlib.crc32(array.astype("<f4").tobytes(), checksum)
    x = picture_like(side)
    with torch.inference_mode():
        weights = {name: torch.from_numpy(array).double() for name, array in numbers.items()}
        stages, embeddings, logits = run(weights, torch.from_numpy(x).double(), False)
        single = {name: torch.from_numpy(array) for name, array in numbers.items()}
        rough = run(single, torch.from_numpy(x), False)
        # A stage's map is one of the network's own, which the next run replaces.
        off = lambda found, exact: float((found.double() - exact).abs().max() / exact.abs().max())
        rounding = {stage: off(rough[0][stage], out) for stage, out in stages.items()}
        rounding["embeddings"], rounding["logits"] = off(rough[1], embeddings), off(rough[2], logits)
        embeddings, logits = embeddings.numpy(), logits.numpy()
        if same is not None:
            other = same(weights, torch.from_numpy(x).double(), False)[1].numpy()
            assert np.abs(other - embeddings).max() < 1e-4 * np.abs(embeddings).max()

    # A golden that is dead, exploded or the same for both pictures would prove nothing.
    a, b = embeddings.astype(np.float64)
    cosine = a @ b / math.sqrt((a @ a) * (b @ b))
    alive = (np.abs(embeddings) > 1e-3).mean()
    print(f"{name}: |embedding| up to {np.abs(embeddings).max():.4g}, {alive:.0%} not zero, ", end="")
    print(f"|logit| up to {np.abs(logits).max():.4g}, cosine of the pictures {cosine:.4f}")
    assert 0.01 < np.abs(embeddings).max() < 1e5 and alive > 0.3 and cosine < 0.99

    def samples(stage):
        flat = stage.flatten(1).numpy()
        at = [i * (flat.shape[1] - 1) // (SAMPLES - 1) for i in range(SAMPLES)]
        return [digits(row[at]) for row in flat]

    golden = {
        "made_with": f"torch {torch.__version__}, torchvision {torchvision.__version__}, timm {timm.__version__}",
        "tensors": len(numbers),
        "tensors_crc32": checksum,
        "side": side,
        "input_crc32": zlib.crc32(x.astype("<f4").tobytes()),
        # How far PyTorch itself is off in float32, as a share of the largest number.
        "rounding": {name: float(f"{value:.2g}") for name, value in rounding.items()},
        "logits": [digits(row) for row in logits],
        "embeddings": [digits(row) for row in embeddings],
        "stages": [
            {"name": stage, "shape": list(out.shape), "samples": samples(out)}
            for stage, out in stages.items()
        ],
    }
    if gradients:
        x = picture_like(gradients)
        golden["gradients_side"] = gradients
        golden["gradients"], _ = gradients_of(run, numbers, x)
        rough, _ = gradients_of(run, numbers, x, dtype=torch.float32)
        print("  gradients in float32:", furthest(rough, golden["gradients"]))
        if any(name.endswith("running_var") for name in numbers):
            found = gradients_of(run, numbers, x, train=True)
            golden["gradients_by_batch"], golden["moved_statistics"] = found
            rough, _ = gradients_of(run, numbers, x, train=True, dtype=torch.float32)
            print("  by the batch's statistics:", furthest(rough, found[0]))
    text = json.dumps(golden, indent=None).replace(', "', ',\n"').replace("], [", "],\n[")
    (Path(__file__).parent / f"{name}.json").write_text(text + "\n")


def make_module(name, module, **options):
    make(name, module.shapes(), module, **options)


if __name__ == "__main__":
    make_module("mobilenet_v3", timm_mobilenet(), gradients=96)
    make_module("efficientnet_lite0", efficientnet_lite(0), side=240, gradients=112)
    make_module("efficientnet_lite2", efficientnet_lite(2), side=208)
    make_module("mobilenet_v3_torchvision", torchvision_mobilenet())
    shapes = minimalistic_shapes(MINIMALISTIC_CLASSES)
    make("mobilenet_v3_minimalistic", shapes, run_minimalistic, gradients=96)
    of_torchvision = resnet50(torchvision.models.get_model)
    make_module("resnet50", of_torchvision, gradients=96, same=resnet50(timm.create_model))
    make_module("vgg19", vgg19())
    make_module("vgg19_timm", timm_vgg19())
    make_module("vgg19_plain", plain_vgg19(), side=96, gradients=64)
