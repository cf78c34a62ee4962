"""Milliseconds to decode a phone's photo for a network of 224 pixels, on one thread: Lookalike, Pillow's draft mode,
OpenCV's reduced size and libvips' shrink-on-load, in turns.

    cargo build --release --example embed_rounds
    pip install pillow opencv-python-headless pyvips pyvips-binary numpy
    python benches/peers/decode_peers.py PHOTOS [--rounds 5] [--keep FOLDER]

PHOTOS is a folder of real photos. Some of them, chosen by a seed, are upscaled to 4032x3024 pixels with sensor noise, and one
image is a sheet of many, with details everywhere; JPEG of quality 92 with 4:2:0 subsampling, as from phones. The sheet is also
saved as progressive JPEG, and with a pixel less on each side. All decode to 1/8, about 504x378; the best round counts.
"""

import argparse
import io
import json
import os
import pathlib
import random
import subprocess
import tempfile

os.environ["VIPS_CONCURRENCY"] = "1"

import cv2
import numpy as np
import pyvips
from PIL import Image

from rounds import best

PROGRAM = "target/release/examples/embed_rounds"
WIDTH, HEIGHT = 4032, 3024
TILE = 336


def large_photos(folder, out, count):
    files = sorted(path for path in pathlib.Path(folder).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    chosen = random.Random(1)

    def photo(width, height):
        return Image.open(chosen.choice(files)).convert("RGB").resize((width, height), Image.BICUBIC)

    def save(name, picture, **options):
        picture.save(out / name, quality=92, subsampling="4:2:0", **options)
        return out / name

    for number in range(count):
        noise = np.random.default_rng(number).normal(0, 4, (HEIGHT, WIDTH, 1))
        numbers = np.asarray(photo(WIDTH, HEIGHT), np.float32) + noise
        yield save(f"photo-{number}.jpg", Image.fromarray(numbers.clip(0, 255).astype(np.uint8)))
    sheet = Image.new("RGB", (WIDTH, HEIGHT))
    for top in range(0, HEIGHT, TILE):
        for left in range(0, WIDTH, TILE):
            sheet.paste(photo(TILE, TILE), (left, top))
    yield save("sheet.jpg", sheet)
    yield save("sheet-progressive.jpg", sheet, progressive=True)
    yield save("sheet-odd.jpg", sheet.crop((0, 0, WIDTH - 1, HEIGHT - 1)))


def measure(path, own, rounds, seconds):
    content = path.read_bytes()
    numbers = np.frombuffer(content, np.uint8)

    def pillow():
        photo = Image.open(io.BytesIO(content))
        photo.draft("RGB", (224, 224))
        photo.load()
        return photo.size

    def opencv():
        return cv2.imdecode(numbers, cv2.IMREAD_REDUCED_COLOR_8).shape[1::-1]

    def vips():
        photo = pyvips.Image.jpegload_buffer(content, shrink=8).copy_memory()
        return photo.width, photo.height

    peers = {"pillow": pillow, "opencv": opencv, "libvips": vips}
    times = {name: float("inf") for name in ("lookalike", "lookalike whole", *peers)}
    for _ in range(rounds):
        for name, longest in (("lookalike", 448), ("lookalike whole", WIDTH)):
            answer = own(f"decode {longest} {seconds} {path}")
            times[name] = min(times[name], answer["ms"])
            if name == "lookalike":
                # With odd sides, up to 6 % of the pixels are resampled away.
                assert 0.94 * 504 <= answer["sides"][0] <= 504, answer
        for name, run in peers.items():
            assert tuple(run()) in ((504, 378), (503, 377)), (name, run())
            times[name] = min(times[name], best(run, seconds))
    fastest = min(times[name] for name in peers)
    print(f"| {path.name}, {len(content) / 1e6:.1f} MB | " + " | ".join(f"{time:.1f}" for time in times.values()) +
          f" | {times['lookalike'] / fastest:.2f} |", flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("photos")
    arguments.add_argument("--count", type=int, default=4)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=0.5)
    arguments.add_argument("--keep", help="a folder for the photos that are made")
    given = arguments.parse_args()
    cv2.setNumThreads(1)
    program = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def own(command):
        print(command, file=program.stdin, flush=True)
        return json.loads(program.stdout.readline())

    versions = f"Pillow {Image.__version__}, OpenCV {cv2.__version__}, libvips {pyvips.version(0)}.{pyvips.version(1)}"
    print(f"{versions}; milliseconds, best of {given.rounds} rounds\n")
    print("| photo | Lookalike | whole | Pillow | OpenCV | libvips | of the fastest peer |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(given.keep or temporary)
        folder.mkdir(exist_ok=True)
        for path in list(large_photos(given.photos, folder, given.count)):
            measure(path, own, given.rounds, given.seconds)


if __name__ == "__main__":
    main()
