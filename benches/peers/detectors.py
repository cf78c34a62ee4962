"""ONNX detectors by ONNX Runtime, to compare with Lookalike: recall, precision and time.

    pip install numpy onnxruntime pillow
    python benches/peers/detectors.py DETECTOR.onnx COCO128 [THREADS]

`COCO128` is a folder of images/ and labels/ in YOLO's text format. Photos are resized by Pillow's bilinear filter, as by
Lookalike. Prints recall and precision at an IoU of 0.5, and milliseconds per photo with and without preprocessing. With
`--boxes PHOTO` instead of the folder it prints the boxes of one photo.
"""

import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

LEAST, SAME = 0.3, 0.6
MEAN, STD = np.array([0.485, 0.456, 0.406]) * 255, np.array([0.229, 0.224, 0.225]) * 255


class Detector:
    def __init__(self, path, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # It warns of every weight that is an input, too.
        options.log_severity_level = 3
        onnxruntime.set_default_logger_severity(3)
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.side = self.session.get_inputs()[0].shape[2]
        self.is_yolox = len(self.session.get_outputs()) == 1

    def prepare(self, photo):
        side = self.side
        if not self.is_yolox:
            picture = np.asarray(photo.resize((side, side), Image.BILINEAR), np.float32)
            return ((picture - MEAN) / STD).astype(np.float32).transpose(2, 0, 1)[None], (1.0, 1.0)
        longest = max(photo.size)
        size = tuple(max(1, length * side // longest) for length in photo.size)
        square = np.full((side, side, 3), 114, np.float32)
        square[: size[1], : size[0]] = np.asarray(photo.resize(size, Image.BILINEAR), np.float32)
        return square[..., ::-1].transpose(2, 0, 1)[None].copy(), (size[0] / side, size[1] / side)

    def run(self, numbers):
        return self.session.run(None, {self.input: numbers})

    def boxes(self, outputs):
        side, boxes, scores = self.side, [], []
        if self.is_yolox:
            at = 0
            for stride in (8, 16, 32):
                across = side // stride
                rows = outputs[0][0][at : at + across * across]
                at += across * across
                y, x = np.divmod(np.arange(across * across), across)
                middle = np.stack([rows[:, 0] + x, rows[:, 1] + y], 1)
                half = np.exp(rows[:, 2:4]) / 2
                boxes.append(np.concatenate([middle - half, middle + half], 1) * stride / side)
                scores.append(rows[:, 4:5] * rows[:, 5:])
        else:
            for stride, score, distance in zip((8, 16, 32, 64), outputs[:4], outputs[4:]):
                across = -(-side // stride)
                logits = distance[0].reshape(across * across, 4, -1)
                weights = np.exp(logits - logits.max(-1, keepdims=True))
                sides = (weights / weights.sum(-1, keepdims=True) * np.arange(logits.shape[-1])).sum(-1)
                y, x = np.divmod(np.arange(across * across), across)
                middle = np.stack([x + 0.5, y + 0.5], 1)
                boxes.append(np.concatenate([middle - sides[:, :2], middle + sides[:, 2:]], 1) * stride / side)
                scores.append(score[0])
        return np.concatenate(boxes), np.concatenate(scores)

    def detect(self, photo):
        numbers, filled = self.prepare(photo)
        boxes, scores = self.boxes(self.run(numbers))
        classes, sure = scores.argmax(1), scores.max(1)
        keep = sure >= LEAST
        boxes = np.clip(boxes[keep] / np.array([*filled, *filled]), 0, 1)
        found = []
        for box, kind, confidence in sorted(zip(boxes, classes[keep], sure[keep]), key=lambda one: -one[2]):
            if all(kind != other or iou(box, place) <= SAME for place, other, _ in found):
                found.append((box, kind, confidence))
        return found


def iou(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def known(labels):
    boxes = []
    for line in labels.read_text().splitlines() if labels.exists() else []:
        _, x, y, w, h = map(float, line.split())
        boxes.append([max(0, x - w / 2), max(0, y - h / 2), min(1, x + w / 2), min(1, y + h / 2)])
    return boxes


def main():
    path, folder, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0
    detector = Detector(path, threads)
    if folder.is_file():
        for box, kind, confidence in detector.detect(Image.open(folder).convert("RGB")):
            print(kind, *(f"{edge:.4f}" for edge in box), f"{confidence:.3f}")
        return
    right = there = given = 0
    whole, network = [], []
    for file in sorted((folder / "images").iterdir()):
        photo = Image.open(file).convert("RGB")
        begun = time.perf_counter()
        found = detector.detect(photo)
        whole.append(time.perf_counter() - begun)
        numbers, _ = detector.prepare(photo)
        begun = time.perf_counter()
        detector.run(numbers)
        network.append(time.perf_counter() - begun)
        boxes = known(folder / "labels" / f"{file.stem}.txt")
        taken = set()
        for box, _, _ in found:
            free = [(iou(box, one), at) for at, one in enumerate(boxes) if at not in taken]
            best = max(free, default=(0.0, 0))
            if best[0] >= 0.5:
                taken.add(best[1])
        right, there, given = right + len(taken), there + len(boxes), given + len(found)
    print(
        f"found {100 * right / there:.1f} % of {there}; of its boxes {100 * right / given:.1f} % are right; "
        f"{1e3 * np.mean(whole):.1f} ms a photo, {1e3 * np.median(network):.1f} of them the network's"
    )


main()
