"""Makes mobilenet_v3.json and mobilenet_v3_minimalistic.json: what PyTorch computes with the made-up
weights of crates/testkit on a made-up input, for crates/backbone/tests/golden.rs to compare with.

MobileNetV3-Large is timm's own; the minimalistic one is written out below. No weights and no photos
are read. Run on a CPU with Python 3.11.7, torch 2.15.0, timm 1.0.31 and numpy 2.4.6:

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


def picture_like():
    """2x3x224x224 from -1 to 1: patches of colour that flow into each other, and a little grain."""
    nodes = SIDE // CELL + 1
    lattice = 2.0 * noise("input", 2 * 3 * nodes * nodes).reshape(2, 3, nodes, nodes)
    at = np.arange(SIDE)
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


def timm_shapes(classes):
    """lookalike_testkit::weights::timm."""
    shapes = {}

    def normed(conv, norm, *shape):
        shapes[f"{conv}.weight"] = shape
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{norm}.{part}"] = shape[:1]

    def biased(name, *shape):
        shapes[f"{name}.weight"] = shape
        shapes[f"{name}.bias"] = shape[:1]

    normed("conv_stem", "bn1", 16, 3, 3, 3)
    channels = 16
    rows = iter(TABLE)
    for stage, blocks in enumerate(TIMM_STAGES):
        for block in range(blocks):
            kernel, expanded, out, squeeze, _ = next(rows)
            name = f"blocks.{stage}.{block}"
            if stage == 0:
                normed(f"{name}.conv_dw", f"{name}.bn1", expanded, 1, kernel, kernel)
                normed(f"{name}.conv_pw", f"{name}.bn2", out, expanded, 1, 1)
            else:
                normed(f"{name}.conv_pw", f"{name}.bn1", expanded, channels, 1, 1)
                normed(f"{name}.conv_dw", f"{name}.bn2", expanded, 1, kernel, kernel)
                normed(f"{name}.conv_pwl", f"{name}.bn3", out, expanded, 1, 1)
            if squeeze:
                few = {72: 24, 120: 32, 480: 120, 672: 168, 960: 240}[expanded]
                biased(f"{name}.se.conv_reduce", few, expanded, 1, 1)
                biased(f"{name}.se.conv_expand", expanded, few, 1, 1)
            channels = out
    normed("blocks.6.0.conv", "blocks.6.0.bn1", 960, channels, 1, 1)
    biased("conv_head", 1280, 960, 1, 1)
    biased("classifier", classes, 1280)
    return shapes


def run_timm(weights, x):
    network = timm.create_model("mobilenetv3_large_100", pretrained=False, num_classes=TIMM_CLASSES)
    own = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    assert {k: tuple(v.shape) for k, v in own.items()} == {
        k: tuple(v.shape) for k, v in weights.items()
    }, "the table gives other tensors than timm"
    network.load_state_dict(weights, strict=False)
    network.eval()
    features = network.forward_features(x)
    return network.forward_head(features, pre_logits=True), network(x)


def run_minimalistic(weights, x):
    def conv(x, name, stride=1, groups=1):
        weight = weights[f"{name}.weight"]
        # TensorFlow's SAME: as much padding as is needed, the odd pixel behind.
        total = max((-(-x.shape[-1] // stride) - 1) * stride + weight.shape[-1] - x.shape[-1], 0)
        before, after = total // 2, total - total // 2
        x = F.pad(x, (before, after, before, after))
        return F.conv2d(x, weight, weights[f"{name}.bias"], stride=stride, groups=groups)

    x = F.relu(conv(x, "conv", stride=2))
    for number, (_, expanded, out, _, stride) in enumerate(TABLE):
        y = x
        if number > 0:
            y = F.relu(conv(y, f"blocks.{number}.expand"))
        y = F.relu(conv(y, f"blocks.{number}.depthwise", stride=stride, groups=expanded))
        y = conv(y, f"blocks.{number}.project")
        x = x + y if stride == 1 and x.shape[1] == out else y
    x = F.relu(conv(x, "conv_1")).mean(dim=(2, 3), keepdim=True)
    x = F.relu(conv(x, "conv_2"))
    return x.flatten(1), conv(x, "logits").flatten(1)


def make(name, shapes, run):
    numbers = {name: values(name, shape) for name, shape in sorted(shapes.items())}
    checksum = 0
    for tensor, array in numbers.items():
        shape = "x".join(map(str, array.shape))
        checksum = zlib.crc32(f"{tensor} {shape}\n".encode(), checksum)
        checksum = zlib.crc32(array.astype("<f4").tobytes(), checksum)
    x = picture_like()
    with torch.inference_mode():
        weights = {name: torch.from_numpy(array) for name, array in numbers.items()}
        embeddings, logits = (y.numpy() for y in run(weights, torch.from_numpy(x)))

    # A golden that is dead, exploded or the same for both pictures would prove nothing.
    a, b = embeddings.astype(np.float64)
    cosine = a @ b / math.sqrt((a @ a) * (b @ b))
    alive = (np.abs(embeddings) > 1e-3).mean()
    print(f"{name}: |embedding| up to {np.abs(embeddings).max():.4g}, {alive:.0%} not zero, ", end="")
    print(f"|logit| up to {np.abs(logits).max():.4g}, cosine of the pictures {cosine:.4f}")
    assert 0.01 < np.abs(embeddings).max() < 1e4 and alive > 0.3 and cosine < 0.99

    golden = {
        "made_with": f"torch {torch.__version__}, timm {timm.__version__}",
        "tensors": len(numbers),
        "tensors_crc32": checksum,
        "input_crc32": zlib.crc32(x.astype("<f4").tobytes()),
        "logits": [[float(f"{v:.7g}") for v in row] for row in logits],
        "embeddings": [[float(f"{v:.7g}") for v in row] for row in embeddings],
    }
    text = json.dumps(golden, indent=None).replace(', "', ',\n"').replace("], [", "],\n[")
    (Path(__file__).parent / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    make("mobilenet_v3", timm_shapes(TIMM_CLASSES), run_timm)
    make("mobilenet_v3_minimalistic", minimalistic_shapes(MINIMALISTIC_CLASSES), run_minimalistic)
