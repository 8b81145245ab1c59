"""Small files of every kind that is read, and ways to damage them."""

import io
import struct
import zlib

import numpy as np
from hypothesis import strategies as st
from PIL import Image

SIDE = 12
PICTURE = (np.add.outer(np.arange(SIDE) * 9, np.arange(SIDE) * 7)[:, :, None] + [0, 40, 80]).astype(np.uint8)


def encoded(image, kind="PNG", **options) -> bytes:
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, kind, **options)
    return file.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width, height, depth, colour, rows: bytes, *extra: bytes) -> bytes:
    """A PNG written by hand, for what Pillow does not write. rows: raw samples, a filter byte before each row."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def deep(channels_of: int, samples: int) -> bytes:
    """16 bits a sample; channels_of: the PNG's colour type."""
    row = b"\0" + np.full(SIDE * samples, 40000, dtype=">u2").tobytes()
    return png(SIDE, SIDE, 16, channels_of, row * SIDE)


@st.composite
def damages(draw, size: int):
    """A function bytes -> bytes: what disks, copies and people do to a file of so many bytes."""
    where, other = draw(st.integers(0, size - 1)), draw(st.integers(0, size - 1))
    first, last = min(where, other), max(where, other) + 1
    byte = draw(st.integers(1, 255))
    kind = draw(st.sampled_from(["flip", "flips", "cut", "zero", "insert", "drop", "repeat", "two thirds", "random"]))

    def damage(content: bytes) -> bytes:
        if kind == "flip":
            return content[:where] + bytes([content[where] ^ byte]) + content[where + 1 :]
        if kind == "flips":
            rng = np.random.default_rng(where)
            changed = bytearray(content)
            for i in rng.integers(0, size, 1 + byte % 8):
                changed[i] = int(rng.integers(0, 256))
            return bytes(changed)
        if kind == "cut":
            return content[:where]
        if kind == "zero":
            return content[:first] + bytes(last - first) + content[last:]
        if kind == "insert":
            return content[:where] + bytes([byte]) * (1 + byte % 7) + content[where:]
        if kind == "drop":
            return content[:first] + content[last:]
        if kind == "repeat":
            return content[:last] + content[first:]
        if kind == "two thirds":
            return content[: size // 3] + bytes(size - size // 3)
        return np.random.default_rng(where).bytes(size)

    return damage
