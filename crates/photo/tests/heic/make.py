"""Writes a small HEIC photo, and the pixels that libheif decodes from it.

    pip install pillow pillow-heif numpy && python make.py
"""

import numpy as np
import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()
y, x = np.mgrid[0:96, 0:144].astype(np.float64)
picture = np.stack([x / 144 * 200 + 30, y / 96 * 180 + 40, 120 + 80 * np.sin(x / 17) * np.cos(y / 23)], axis=2)
picture[20:60, 40:90] = [210, 60, 40]
image = Image.fromarray(picture.clip(0, 255).astype(np.uint8))
image.save("plain.heic", quality=85)
Image.open("plain.heic").convert("RGB").save("plain.png")
