"""Which files of a folder are meant: all of the wanted kinds, or a word about the one that is in doubt."""

import os
from collections.abc import Iterator
from pathlib import Path

from fpd_bench.errors import AssetError

IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")  # the names of what `images.read_rgb` reads
# What may lie beside images without being one. Anything else is looked into.
BESIDE = (
    ".txt .json .jsonl .csv .tsv .md .yaml .yml .toml .xml .html .log .out .err .py .sh .ini .db .parquet .pkl .mat"
).split()
# Images that are not read, as tools disagree about them or need more than Pillow; files that hold many.
OTHER_IMAGES = (
    ".gif .tif .tiff .jfif .jpe .apng .avif .heic .heif .jxl .jp2 .j2k .ppm .pgm .pbm .pnm .pfm .tga .ico .svg .exr "
    ".hdr .dds .psd .qoi"
).split()
PACKED = ".npy .npz .pt .tar .tgz .zip .h5 .hdf5 .tfrecord".split()
LINK, ODD = "a broken link", "neither a file nor a folder"


def files_below(root: Path, suffixes: tuple[str, ...], *, deep: bool = True) -> list[Path]:
    """List files whose names end in one of `suffixes`, sorted; links are followed, hidden names (.x) left out.

    deep: in all folders below `root`, too. Raises AssetError for an image of another kind, for a folder named like an
    image, for anything that cannot be read, and for a folder that is met twice (its images would count twice).
    """
    files = []
    for path, kind in _walk(root, deep, {}):
        suffix = path.suffix.lower()
        if kind == LINK:
            raise AssetError(
                f"'{path}' is a link to a file that does not exist. Remove the link, or put the file back."
            )
        if kind == "folder":
            if suffix in suffixes:
                raise AssetError(f"'{path}' is a folder named like a file. Rename it, or move it out of '{root}'.")
        elif suffix in suffixes:
            if kind != "file":
                raise AssetError(f"'{path}' is {kind}. Remove it.")
            files.append(path)
        elif kind == "file" and _is_image(path, suffix):
            raise AssetError(
                f"'{path}' may hold images, but only {', '.join(suffixes)} are read. Convert it, or move it "
                f"out of '{root}': no file is skipped silently."
            )
    return sorted(files)


def _walk(folder: Path, deep: bool, seen: dict[tuple[int, int], Path]) -> Iterator[tuple[Path, str]]:
    """Yield (path, "file", "folder", LINK or ODD) of all that is not hidden."""
    try:
        known = folder.stat()
        first = seen.setdefault((known.st_dev, known.st_ino), folder)
        if first is not folder:
            raise AssetError(
                f"'{folder}' is a link to '{first}', which is read already: its images would count twice. Remove "
                "the link."
            )
        with os.scandir(folder) as entries:
            for entry in [entry for entry in entries if not entry.name.startswith(".")]:
                path = folder / entry.name
                if entry.is_dir():
                    yield path, "folder"
                    if deep:
                        yield from _walk(path, deep, seen)
                elif entry.is_file():
                    yield path, "file"
                else:
                    yield path, ODD if path.exists() else LINK
    except OSError as error:
        raise AssetError(f"'{error.filename or folder}' cannot be read: {error.strerror or error}.") from error


def _is_image(path: Path, suffix: str) -> bool:
    """Judge by its name, else by its first bytes: a half-written 'x.png.part' counts, too."""
    if suffix in OTHER_IMAGES or suffix in PACKED:
        return True
    if suffix in BESIDE:
        return False
    from PIL import Image  # takes a moment, and few folders hold such files

    try:
        with Image.open(path):
            return True
    except Exception:  # not an image, or not one that anybody could read
        return False
