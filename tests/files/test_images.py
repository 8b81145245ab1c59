"""One image file: read as it was saved, or refused in one line; never the picture that a library guesses."""

import os

import numpy as np
import pytest
from PIL import Image

from fpd_bench.errors import AssetError
from fpd_bench.files.images import read_rgb, rgb_of
from tests.files.made import PICTURE, SIDE, chunk, deep, encoded, png

GREY = Image.fromarray(PICTURE[:, :, 0])
ALPHA = np.full((SIDE, SIDE, 1), 255, dtype=np.uint8)
OPAQUE = np.concatenate([PICTURE, ALPHA], axis=2)
HOLED = OPAQUE.copy()
HOLED[0, 0, 3] = 254
PALETTE = GREY.convert("P")


def exif(turn):
    tags = Image.Exif()
    tags[0x0112] = turn
    return tags


READ = {
    "png": (encoded(PICTURE), PICTURE),
    "bmp": (encoded(PICTURE, "BMP"), PICTURE),
    "lossless webp": (encoded(PICTURE, "WEBP", lossless=True), PICTURE),
    "grey": (encoded(GREY), PICTURE[:, :, :1].repeat(3, axis=2)),
    "palette": (encoded(PALETTE), np.asarray(PALETTE.convert("RGB"))),
    "one bit": (encoded(GREY.convert("1")), np.asarray(GREY.convert("1").convert("RGB"))),
    "opaque alpha": (encoded(OPAQUE), PICTURE),
    "jpeg in colours of print": (
        encoded(Image.fromarray(PICTURE).convert("CMYK"), "JPEG", quality=100),
        None,
    ),
    "a jpeg whatever its name": (encoded(PICTURE, "JPEG"), None),
    "notes inside": (encoded(PICTURE)[:33] + chunk(b"tEXt", b"a\0b") + encoded(PICTURE)[33:], PICTURE),
}


@pytest.mark.parametrize("kind", READ)
def test_what_has_one_meaning_is_read(kind, tmp_path):
    content, expected = READ[kind]
    (tmp_path / "a.png").write_bytes(content)
    found = read_rgb(tmp_path / "a.png")
    assert found.shape == (SIDE, SIDE, 3) and found.dtype == np.uint8
    assert expected is None or (found == expected).all()


BROKEN = bytearray(encoded(PICTURE))
BROKEN[BROKEN.index(b"IDAT") + 10] ^= 1
LONG_TEXT = chunk(b"zTXt", b"a\0\0" + __import__("zlib").compress(bytes(100_000_000)))
REFUSED = {
    "16-bit grey": (deep(0, 1), "more than 8 bits"),
    "16-bit colours": (deep(2, 3), "more than 8 bits"),
    "16-bit grey and alpha": (deep(4, 2), "more than 8 bits"),
    "16-bit colours and alpha": (deep(6, 4), "more than 8 bits"),
    "frames of a png": (
        encoded(PICTURE, save_all=True, append_images=[Image.fromarray(PICTURE[::-1])]),
        "holds 2 frames",
    ),
    "frames of a webp": (
        encoded(PICTURE, "WEBP", save_all=True, append_images=[Image.fromarray(PICTURE[::-1])]),
        "holds 2 frames",
    ),
    "a pixel that is nearly opaque": (encoded(HOLED), "transparent pixels"),
    "grey and alpha": (encoded(Image.fromarray(HOLED).convert("LA")), "transparent pixels"),
    "see-through in a webp": (encoded(HOLED, "WEBP", lossless=True), "transparent pixels"),
    "a see-through colour": (encoded(PALETTE, transparency=int(np.asarray(PALETTE)[0, 0])), "transparent pixels"),
    "a see-through grey": (png(1, 1, 8, 0, b"\0\7", chunk(b"tRNS", b"\0\7")), "transparent pixels"),
    "a gif of that name": (encoded(GREY, "GIF"), "not a PNG, JPEG, WebP or BMP"),
    "a tiff of that name": (encoded(PICTURE, "TIFF"), "not a PNG, JPEG, WebP or BMP"),
    "text": (b"not an image", "not a PNG, JPEG, WebP or BMP"),
    "nothing": (b"", "it is empty"),
    "half a file": (encoded(PICTURE)[:-40], "Cannot read the image"),
    "a broken inner chunk": (bytes(BROKEN), "broken PNG file"),
    "a bomb": (png(20000, 20000, 8, 0, b""), "decompression bomb"),
    "a bomb in a note": (encoded(PICTURE)[:33] + LONG_TEXT + encoded(PICTURE)[33:], "Cannot read the image"),
    "no width": (png(0, 5, 8, 0, b""), "Cannot read the image"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_may_be_read_in_two_ways_or_not_at_all_is_refused(kind, tmp_path):
    content, said = REFUSED[kind]
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(AssetError) as caught:
        read_rgb(tmp_path / "a.png")
    assert said in str(caught.value) and "a.png" in str(caught.value) and "\n" not in str(caught.value)
    assert "0x" not in str(caught.value)  # no address of an object of ours


def test_a_turned_picture_is_turned_refused_or_left_alone():
    content = encoded(PICTURE, exif=exif(6))
    assert (rgb_of(content, "a") == np.rot90(PICTURE, -1)).all()
    assert (rgb_of(content, "a", turn="ignore") == PICTURE).all()
    with pytest.raises(AssetError, match="has an EXIF tag that turns it"):
        rgb_of(content, "a", turn="refuse")
    assert (rgb_of(encoded(PICTURE, exif=exif(1)), "a", turn="refuse") == PICTURE).all()


@pytest.mark.parametrize("what", ["folder", "pipe", "missing"])
def test_what_is_no_file_is_told_and_waited_for_never(what, tmp_path):
    path = tmp_path / "a.png"
    {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "missing": lambda: None}[what]()
    with pytest.raises(AssetError, match="a.png'(: No such file| is a folder, so it is not an| is not a regular file)"):
        read_rgb(path)
