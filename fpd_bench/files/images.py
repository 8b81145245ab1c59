"""Image files: the pixels that were saved, or a refusal in one line.

What Pillow would decide by itself is refused: 16-bit files (it clips them or drops half the bits), several frames (it
takes the first), see-through pixels (it shows the colour hidden under them). The checksums of a PNG are verified, which
Pillow by itself does not do for pixels. JPEG, WebP and BMP have none: there, damage that leaves a whole picture of the
same size cannot be told from a picture.
"""

import io
import stat
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from fpd_bench.errors import AssetError, FpdError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
Turn = Literal["upright", "refuse", "ignore"]  # what to do where an EXIF tag turns a picture
ORIENTATION, DEPTH = 0x0112, 24  # the EXIF tag; the byte of a PNG that says how many bits a sample has


def read_rgb(path: Path, turn: Turn = "upright") -> NDArray[np.uint8]:
    """Read RGB uint8 [H, W, 3]. turn: tools differ in whether they follow an EXIF tag. Raises AssetError."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):  # opening a pipe would wait for ever
            raise AssetError(
                f"'{path}' is {'a folder' if stat.S_ISDIR(mode) else 'not a regular file'}, so it is not an image."
            )
        content = path.read_bytes()
    except OSError as error:
        raise AssetError(f"Cannot read the image '{path}': {error.strerror or error}.") from error
    return rgb_of(content, str(path), turn)


def rgb_of(content: bytes, where: str, turn: Turn = "upright") -> NDArray[np.uint8]:
    """Decode a file's bytes as `read_rgb` does; where: its name in messages."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            _refuse_guesses(image, content, where, turn)
            if image.format == "PNG":
                Image.open(io.BytesIO(content), formats=("PNG",)).verify()
            return np.array(
                ImageOps.exif_transpose(image).convert("RGB") if turn == "upright" else image.convert("RGB")
            )
    except FpdError:
        raise
    except UnidentifiedImageError as error:
        problem = "it is not a PNG, JPEG, WebP or BMP file" if content else "it is empty"
        raise AssetError(f"Cannot read the image '{where}': {problem}. Make it again, or remove it.") from error
    except Exception as error:  # a decoder may raise anything over damaged bytes, and each kind is the same for a user
        said = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise AssetError(f"Cannot read the image '{where}': {said}. Make it again, or remove it.") from error


def _refuse_guesses(image: Image.Image, content: bytes, where: str, turn: Turn) -> None:
    """Raise AssetError where one file may be read as several pictures."""
    deep = image.mode.startswith(("I", "F")) or (image.format == "PNG" and content[DEPTH] > 8)
    if deep:
        raise AssetError(
            f"'{where}' has more than 8 bits per channel. Convert it to 8 bits yourself, because the way it is "
            "scaled changes the scores."
        )
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # an MPO is a camera's JPEG with previews behind it
        raise AssetError(f"'{where}' holds {frames} frames. Save only the frame that is to be scored.")
    if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise AssetError(
            f"'{where}' has transparent pixels. Put it on a background first, because the choice of background "
            "changes the scores."
        )
    if turn == "refuse" and image.getexif().get(ORIENTATION, 1) != 1:
        raise AssetError(
            f"'{where}' has an EXIF tag that turns it, which some programs follow and others ignore. Save it "
            "upright first."
        )
