"""Writes small JPEGs of each kind that cameras and programs write, by libjpeg.

    pip install pillow opencv-python-headless numpy && python make.py
"""

import io

import cv2
import numpy as np
from PIL import Image

HEIGHT, WIDTH = 96, 144
y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
# Soft colours, an edge, and a corner of fine grain.
picture = np.stack([x / WIDTH * 200 + 30, y / HEIGHT * 180 + 40, 120 + 80 * np.sin(x / 17) * np.cos(y / 23)], axis=2)
picture[20:60, 40:90] = [210, 60, 40]
grain = np.random.default_rng(1).normal(0, 40, (32, 48, 1))
picture[64:, 96:] += grain
picture = picture.clip(0, 255).astype(np.uint8)


def write(name, mode="RGB", **options):
    Image.fromarray(picture).convert(mode).save(f"{name}.jpg", **options)


write("grey", mode="L", quality=90)
write("444", quality=92, subsampling="4:4:4")
write("422", quality=92, subsampling="4:2:2")
write("420", quality=92, subsampling="4:2:0")
write("optimised_huffman", quality=100, subsampling="4:2:0", optimize=True)
write("restart_intervals", quality=90, subsampling="4:2:0", restart_marker_blocks=5)
write("progressive", quality=90, subsampling="4:2:0", progressive=True)
write("cmyk", mode="CMYK", quality=90)
factor = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440
cv2.imwrite("440.jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor, cv2.IMWRITE_JPEG_QUALITY, 92])
exif = Image.Exif()
exif[0x0112] = 6
write("exif_rotated", quality=92, subsampling="4:2:0", exif=exif)
# Sides that are no multiples of 8, nor of 4.
Image.fromarray(picture[:-4, :-4]).save("halves_of_blocks.jpg", quality=92, subsampling="4:2:0")
Image.fromarray(picture[:-5, :-3]).save("odd_sides.jpg", quality=92, subsampling="4:2:0")
