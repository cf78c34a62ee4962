"""Makes the photos in bad/ (must be refused politely) and odd/ (unusual, but must work).

Run with Pillow 12 and numpy 2, in this folder:  python make_photos.py
"""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

BAD, ODD = Path("bad"), Path("odd")
WIDTH, HEIGHT = 64, 48


def gradient():
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    channels = [x * 255 // WIDTH, y * 255 // HEIGHT, (x + y) * 255 // (WIDTH + HEIGHT)]
    return Image.fromarray(np.stack(channels, -1).astype("uint8"))


def encoded(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb():
    """20,000 x 20,000 white pixels of one bit each, in 76 kB."""
    packer = zlib.compressobj(9)
    row = b"\0" + b"\xff" * 2500
    data = b"".join(packer.compress(row) for _ in range(20_000)) + packer.flush()
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 1, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)


def ftyp(brand, compatible):
    """The beginning of a HEIC or AVIF file; what follows is never looked at."""
    return struct.pack(">I", 24) + b"ftyp" + brand + b"\0" * 4 + compatible + b"\0" * 40


picture = gradient()
jpeg, png = encoded(picture, "JPEG", quality=85), bytearray(encoded(picture, "PNG"))
damaged = bytearray(png)
damaged[len(damaged) // 2] ^= 0xFF
(BAD / "truncated.jpg").write_bytes(jpeg[: len(jpeg) * 2 // 3])
(BAD / "empty.jpg").write_bytes(b"")
(BAD / "text.jpg").write_bytes(b"<!doctype html><title>404 Not Found</title>\n")
(BAD / "bomb.png").write_bytes(bomb())
(BAD / "damaged.png").write_bytes(damaged)
(BAD / "phone.heic").write_bytes(ftyp(b"heic", b"mif1heic"))
(BAD / "modern.avif").write_bytes(ftyp(b"avif", b"avifmif1"))

opaque = picture.convert("RGBA")
opaque.putalpha(255)
deep_grey = np.asarray(picture.convert("L")).astype("uint16") * 257
red = Image.new("RGB", picture.size, (255, 0, 0))
(ODD / "picture.png").write_bytes(png)
(ODD / "renamed.jpg").write_bytes(png)
picture.convert("CMYK").save(ODD / "cmyk.jpg", quality=95)
picture.convert("L").save(ODD / "grey.jpg", quality=95)
picture.save(ODD / "progressive.jpg", quality=95, progressive=True)
Image.fromarray(deep_grey).save(ODD / "grey16.png")
opaque.save(ODD / "alpha.webp", lossless=True)
picture.save(ODD / "tiff.tif", compression="tiff_lzw")
picture.save(ODD / "bitmap.bmp")
picture.quantize(200).save(ODD / "frames.gif", save_all=True, append_images=[red])
