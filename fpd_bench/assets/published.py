"""Published files that tracks may need, where they lie and where they come from; needs no torch.

$FPD_WEIGHTS is a folder with one subfolder per hub repository, as `hf download REPOSITORY --local-dir` leaves it; `hub`
is the folder ~/.cache/fpd-bench/weights, into which what is missing is fetched. It is a place, not a setting: it is no
part of a run's name, and every run records the sha256 of what it read.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fpd_bench.assets import hub
from fpd_bench.assets.weight_files import refuse_foreign
from fpd_bench.assets.weight_shards import index_of
from fpd_bench.errors import AssetError
from fpd_bench.files.folders import IMAGES

VARIABLE = "FPD_WEIGHTS"
DATA_VARIABLE = "FPD_DATA"  # folder of captions and pictures; by default `data` in $FPD_WEIGHTS
CAPTION_FILES = ("captions.txt", "captions*.parquet", "*.tar")

REFERENCE = "VIRTUAL_imagenet256_labeled.npz"  # ADM's: statistics of ImageNet 256 x 256 and 10,000 of its images
REFERENCE_URL = "https://openaipublic.blob.core.windows.net/diffusion/jul-2021/ref_batches/imagenet/256/"


@dataclass(frozen=True)
class Published:
    """One file. kind: its name in assets/known_models.py, if it stands there; extras: published beside it, read where
    they are there. network: `module:function`, (path) -> the network that the file fills, built from what lies beside
    it; "" for a network of timm's, or one that nobody holds the file against.

    needed: extras without which the file is of no use. others: names under which the same weights are published too.
    shards: whether what reads it also takes an index of .safetensors in several parts.
    """

    role: str
    kind: str
    repository: str
    file: str
    extras: tuple[str, ...] = ()
    note: str = ""
    needed: bool = False
    others: tuple[str, ...] = ()
    shards: bool = True
    network: str = ""

    def path(self, folder: Path) -> Path:
        """Say where the file belongs; a .safetensors converted from it, or the index of one in parts, goes first."""
        path = self.home(folder) / self.file
        whole = path.with_suffix(".safetensors")
        places = [whole, *map(path.with_name, self.others), *([index_of(whole)] if self.shards else [])]
        return next((place for place in places if place.is_file()), path)

    def absent(self, folder: Path) -> Path | None:
        """Give what is missing of it: the file itself, or an extra that it needs; None if nothing is."""
        path = self.path(folder)
        beside = [self.home(folder) / name for name in self.extras if self.needed]
        return next((place for place in (path, *beside) if not place.is_file()), None)

    def home(self, folder: Path) -> Path:
        """Give the subfolder of its repository."""
        return folder / self.repository.partition("/")[2]

    def fetch(self, folder: Path) -> str:
        """Give the command that gets it."""
        return f"hf download {self.repository} {' '.join((self.file, *self.extras))} --local-dir {self.home(folder)}"

    def bring(self, folder: Path) -> None:
        """Fetch it from the hub. Raises AssetError."""
        hub.fetch(self.repository, (self.file, *self.extras), self.role, self.home(folder))


DINO = Published(
    "backbone",
    "",
    "timm/vit_base_patch16_dinov3.lvd1689m",
    "model.safetensors",
    ("config.json",),
    "DINOv3 has a licence of its own; the facebook/* copies are gated, timm's are not",
)
DETECTOR = Published(
    "detector",
    "",
    "facebook/mask2former-swin-small-coco-instance",
    "model.safetensors",
    ("config.json",),
    "GenEval's; weights CC-BY-NC 4.0",
    needed=True,
    others=("pytorch_model.bin",),
)
COLOURS = Published(
    "colours", "", "timm/vit_large_patch14_clip_224.openai", "open_clip_model.safetensors", note="GenEval's colours",
    shards=False,
)  # fmt: skip
DEIT = Published(
    "discriminator", "", "timm/deit_base_distilled_patch16_224.fb_in1k", "model.safetensors", ("config.json",),
    "for gan.discriminator=projected only; its second network, EfficientNet-Lite0, comes with fpd-bench",
)  # fmt: skip
OPTIONAL = (DEIT,)  # some runs read them only, and ask for them themselves


@dataclass(frozen=True)
class PublishedFiles:
    """What the runs of one track read of published files.

    models: of every run; scorers: when images are scored. captions: training reads a file of captions. reference: FID
    is computed against ImageNet's published statistics.
    """

    track: str
    models: tuple[Published, ...]
    scorers: tuple[Published, ...] = ()
    captions: bool = False
    reference: bool = False

    @property
    def of_every_run(self) -> tuple[Published, ...]:
        """List the files that each run of the track reads."""
        return self.models + self.scorers

    @property
    def everything(self) -> tuple[Published, ...]:
        """List all files: of its models, then of what scores its images, then those of some runs only."""
        return self.of_every_run + OPTIONAL


def place() -> Path | None:
    """Give the folder that $FPD_WEIGHTS names, there or not; None if it is not set."""
    named = os.environ.get(VARIABLE, "")
    if not from_hub():
        return Path(named) if named else None
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fpd-bench" / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def from_hub() -> bool:
    """Say whether what is missing is to be fetched."""
    return os.environ.get(VARIABLE) == hub.HUB and not Path(hub.HUB).is_dir()


def folder_if_there() -> Path | None:
    """Give the folder $FPD_WEIGHTS; None if it is not set, or no folder."""
    folder = place()
    return folder if folder and folder.is_dir() else None


def weights_folder(files: PublishedFiles) -> Path:
    """Give the folder $FPD_WEIGHTS. Raises AssetError, with what to do next, if it is not set or no folder."""
    folder = folder_if_there()
    if folder is None:
        is_what = f"{VARIABLE}={place()} is not a folder" if place() else f"{VARIABLE} is not set"
        raise AssetError(
            f"{is_what}. Fetch {_repositories(files.models)} into one folder and export "
            f"{VARIABLE}=FOLDER, or {VARIABLE}={hub.HUB} where there is a network (docs/paper_scale.md)."
        )
    return folder


def _repositories(files: tuple[Published, ...]) -> str:
    return ", ".join(dict.fromkeys(file.repository for file in files))


def data_folder(weights: Path) -> Path:
    """Give the folder of captions and pictures."""
    return Path(os.environ.get(DATA_VARIABLE) or weights / "data")


def discriminator_file() -> Path:
    """Find DeiT-B distilled for the projected discriminator. Raises AssetError with where it is published."""
    folder = place() or Path("WEIGHTS")
    if missing((DEIT,), folder):
        told = f"{DEIT.path(folder)} is missing" if place() else f"{VARIABLE} is not set"
        raise AssetError(
            f"gan.discriminator=projected needs DeiT-B distilled: {told}. Run: {DEIT.fetch(folder)}, then export "
            f"{VARIABLE}={folder}; or use gan.discriminator=light."
        )
    return DEIT.path(folder)


def require_scorers(of: PublishedFiles, asked: str) -> None:
    """Check for what scores images that were made elsewhere. Raises AssetError with the commands that fetch it.

    asked: what is scored, the message's first words.
    """
    files, folder = of.scorers, place() or Path("WEIGHTS")
    absent = missing(files, folder)
    if not absent and place() and folder.is_dir():
        return
    told = f"{absent[0].absent(folder) if absent else folder} is missing" if place() else f"{VARIABLE} is not set"
    export = "" if place() else f" ; then export {VARIABLE}={folder}"
    names = _repositories(files) or "ADM's reference (or, with evaluation.fidelity=lite0, real images of your own)"
    commands = " && ".join(file.fetch(folder) for file in absent) or _get_reference(folder)
    raise AssetError(f"{asked} is scored with {names}: {told}. Run: {commands}{export}")


def caption_files(data: Path) -> list[Path]:
    """List the files with training captions: the first of CAPTION_FILES that is there."""
    found = (sorted(data.glob(pattern)) for pattern in CAPTION_FILES)
    return next((paths for paths in found if paths), [])


def no_captions(data: Path) -> str:
    """Say what to say without captions."""
    return (
        f"Training captions are missing: put one of {', '.join(CAPTION_FILES)} into '{data}', or name another folder "
        f"with {DATA_VARIABLE}."
    )


def no_images(data: Path) -> str:
    """Say what to say without real images."""
    return (
        f"The discriminator needs real images: put some ({', '.join(IMAGES)}, or WebDataset shards *.tar) "
        f"below '{data / 'images'}', name another folder with {DATA_VARIABLE}, or train without it (gan.weight=0)."
    )


def require_data(files: PublishedFiles, captions: bool, images: bool, reference: bool) -> None:
    """Raise AssetError if the data that a run reads are not there; whether they can be read shows later.

    reference: its images are compared with ImageNet's published statistics.
    """
    captions, reference = captions and files.captions, reference and files.reference
    if not (captions or images or reference):
        return
    weights = weights_folder(files)
    data = data_folder(weights)
    if captions and not caption_files(data):
        raise AssetError(no_captions(data))
    if images and not (any((data / "images").glob("*")) or any(data.glob("*.tar"))):
        raise AssetError(no_images(data))
    if reference:
        reference_file(weights)


def reference_file(weights: Path) -> Path:
    """Find ImageNet's statistics. Raises AssetError with the command that fetches them."""
    path = weights / REFERENCE
    if not path.is_file():
        raise AssetError(
            f"FID's reference '{path}' is missing. Run: {_get_reference(weights)} , or compare with "
            "the track's own real images (evaluation.fidelity=lite0)."
        )
    return path


def _get_reference(weights: Path) -> str:
    return f"curl -o {weights / REFERENCE} --create-dirs {REFERENCE_URL}{REFERENCE}"


def missing(files: tuple[Published, ...], folder: Path) -> list[Published]:
    """List the files that are not in the folder; with FPD_WEIGHTS=hub they are fetched first. Raises AssetError."""
    absent = [file for file in files if file.absent(folder)]
    if not from_hub():
        return absent
    if _rehearsed is not None:
        _rehearsed.update((file, folder) for file in absent)
        return []
    for file in absent:
        file.bring(folder)
    return [file for file in absent if file.absent(folder)]


_rehearsed: dict[Published, Path] | None = None  # what would have been fetched, and into which folder


@contextmanager
def rehearsal() -> Iterator[dict[Published, Path]]:
    """Fetch nothing while the block runs; what would be counts as there, and is given: {file: into which folder}."""
    global _rehearsed
    _rehearsed = {}
    try:
        yield _rehearsed
    finally:
        _rehearsed = None


def require(files: PublishedFiles) -> Path:
    """Check that all files of every run are there and, as far as contents tell, of the right model; give their folder.

    Raises AssetError naming the first missing file and its command, or what is wrong with a file.
    """
    folder = weights_folder(files)
    absent = missing(files.of_every_run, folder)
    if absent:
        raise AssetError(
            f"{absent[0].absent(folder)} is missing ({absent[0].role}; {len(absent)} of {len(files.of_every_run)} "
            f"files). Run: {absent[0].fetch(folder)} . All of it: python -m fpd_bench.tracks check {files.track}"
        )
    for file in files.of_every_run:
        if not file.absent(folder):  # in a rehearsal
            refuse_foreign(file.path(folder), file.kind)
    return folder
