"""Builds a nearest-neighbour index of a folder of photos in plain Python: the peer of `lookalike index build`.

    cargo build --release
    pip install onnxruntime openvino onnx numpy safetensors pillow hnswlib
    python benches/peers/index_python.py PHOTOS WEIGHTS.safetensors [--program target/release/lookalike]

Pillow decodes and scales photos in threads while ONNX Runtime embeds the batch before them; hnswlib links
them. Both programs get the same photos, network and cores; each is run as often as told, in turns, as a
process of its own; the best run counts. The weights are the network's as `embed_peers.py` reads them.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
BATCH = 32


def build(photos, model, out, threads):
    import hnswlib
    import numpy as np
    import onnxruntime
    from PIL import Image, ImageOps

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    files = sorted(path for path in pathlib.Path(photos).rglob("*") if path.suffix.lower() in SUFFIXES)

    def tensor(path):
        photo = Image.open(path)
        photo.draft("RGB", (448, 448))
        photo = ImageOps.exif_transpose(photo).convert("RGB")
        scale = 224 / max(photo.size)
        size = [max(1, round(side * scale)) for side in photo.size]
        photo = photo.resize(size, Image.BILINEAR)
        square = np.zeros((224, 224, 3), np.float32)
        left, top = (224 - size[0]) // 2, (224 - size[1]) // 2
        pixels = (np.asarray(photo, np.float32) - 127.5) / 127.5
        square[top:top + size[1], left:left + size[0]] = pixels
        return square.transpose(2, 0, 1)

    index = hnswlib.Index("ip", 1280)
    index.init_index(len(files), M=16, ef_construction=200)
    index.set_num_threads(threads)
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        batches = [files[at:at + BATCH] for at in range(0, len(files), BATCH)]
        ahead = [pool.submit(tensor, path) for path in batches[0]]
        for number, _ in enumerate(batches):
            x = np.stack([done.result() for done in ahead])
            ahead = [pool.submit(tensor, path) for path in (batches + [[]])[number + 1]]
            y = session.run(None, {"x": x})[0]
            index.add_items(y / np.linalg.norm(y, axis=1, keepdims=True))
    index.save_index(out)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("photos")
    arguments.add_argument("weights")
    arguments.add_argument("--program", default="target/release/lookalike")
    arguments.add_argument("--threads", type=int, default=os.cpu_count())
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.worker:
        return build(given.photos, *given.worker, given.threads)

    import onnx
    from embed_peers import network
    from safetensors.numpy import load_file

    with tempfile.TemporaryDirectory() as folder:
        model = f"{folder}/network.onnx"
        onnx.save(network(load_file(given.weights)), model)
        times = {"lookalike": [], "python": []}
        for number in range(given.rounds):
            commands = {
                "lookalike": [given.program, "index", "build", given.photos, "--out",
                              f"{folder}/index-{number}", "--weights", given.weights],
                "python": [sys.executable, __file__, given.photos, given.weights, "--threads",
                           str(given.threads), "--worker", model, f"{folder}/hnsw-{number}"],
            }
            environment = dict(os.environ, RAYON_NUM_THREADS=str(given.threads))
            for name, command in commands.items():
                start = time.perf_counter()
                subprocess.run(command, check=True, env=environment, capture_output=True)
                times[name].append(time.perf_counter() - start)
        best = {name: min(runs) for name, runs in times.items()}
        found = {f"{name} s": round(seconds, 2) for name, seconds in best.items()}
        found["python / lookalike"] = round(best["python"] / best["lookalike"], 2)
        print(json.dumps(found))


if __name__ == "__main__":
    main()
