"""Decodes the numbered JPEGs of a folder by libjpeg-turbo, and writes the mean colours of 4x4 cells of each.

    pip install pillow numpy && python3 golden.py FOLDER
"""

import os
import sys

import numpy as np
from PIL import Image, ImageFile

ImageFile.LOAD_TRUNCATED_IMAGES = True  # some have no end marker
folder, cells = sys.argv[1], 4
count = len([name for name in os.listdir(folder) if name.endswith(".jpg")])
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "kinds.golden"), "wb") as out:
    for number in range(count):
        image = Image.open(f"{folder}/{number}.jpg")
        pixels = np.asarray(image.convert("RGB")).astype(np.int64)
        height, width, _ = pixels.shape
        for y in range(cells):
            for x in range(cells):
                rows = pixels[y * height // cells : (y + 1) * height // cells]
                cell = rows[:, x * width // cells : (x + 1) * width // cells]
                out.write(bytes((cell.sum(axis=(0, 1)) // (cell.shape[0] * cell.shape[1])).astype(np.uint8)))
