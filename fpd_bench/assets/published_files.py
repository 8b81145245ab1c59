"""Files that others publish and tracks may need: where each belongs, and how it is downloaded. Needs no torch."""

from dataclasses import dataclass
from pathlib import Path

from fpd_bench.assets import hub
from fpd_bench.assets.weight_shards import index_of

REFERENCE = "VIRTUAL_imagenet256_labeled.npz"  # ADM's: statistics of ImageNet 256 x 256 and 10,000 of its images
REFERENCE_URL = "https://openaipublic.blob.core.windows.net/diffusion/jul-2021/ref_batches/imagenet/256/"


@dataclass(frozen=True)
class PublishedFile:
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
        safetensors = path.with_suffix(".safetensors")
        places = [safetensors, *map(path.with_name, self.others), *([index_of(safetensors)] if self.shards else [])]
        return next((place for place in places if place.is_file()), path)

    def absent(self, folder: Path) -> Path | None:
        """Give what is missing of it: the file itself, or an extra that it needs; None if nothing is."""
        path = self.path(folder)
        beside = [self.home(folder) / name for name in self.extras if self.needed]
        return next((place for place in (path, *beside) if not place.is_file()), None)

    def home(self, folder: Path) -> Path:
        """Give the subfolder of its repository."""
        return folder / self.repository.partition("/")[2]

    def fetch_command(self, folder: Path) -> str:
        """Give the command that downloads it."""
        return f"hf download {self.repository} {' '.join((self.file, *self.extras))} --local-dir {self.home(folder)}"

    def download(self, folder: Path) -> None:
        """Fetch it from the hub. Raises AssetError."""
        hub.fetch(self.repository, (self.file, *self.extras), self.role, self.home(folder))


DINO = PublishedFile(
    "backbone",
    "",
    "timm/vit_base_patch16_dinov3.lvd1689m",
    "model.safetensors",
    ("config.json",),
    "DINOv3 has a licence of its own; the facebook/* copies are gated, timm's are not",
)
DETECTOR = PublishedFile(
    "detector",
    "",
    "facebook/mask2former-swin-small-coco-instance",
    "model.safetensors",
    ("config.json",),
    "GenEval's; weights CC-BY-NC 4.0",
    needed=True,
    others=("pytorch_model.bin",),
)
COLOURS = PublishedFile(
    "colours", "", "timm/vit_large_patch14_clip_224.openai", "open_clip_model.safetensors", note="GenEval's colours",
    shards=False,
)  # fmt: skip
DEIT = PublishedFile(
    "discriminator", "", "timm/deit_base_distilled_patch16_224.fb_in1k", "model.safetensors", ("config.json",),
    "for gan.discriminator=projected only; its second network, EfficientNet-Lite0, comes with fpd-bench",
)  # fmt: skip
OPTIONAL = (DEIT,)  # some runs read them only, and ask for them themselves


@dataclass(frozen=True)
class TrackFiles:
    """What the runs of one track read of published files.

    models: of every run; scorers: when images are scored. captions: training reads a file of captions. reference: FID
    is computed against ImageNet's published statistics.
    """

    track: str
    models: tuple[PublishedFile, ...]
    scorers: tuple[PublishedFile, ...] = ()
    captions: bool = False
    reference: bool = False

    @property
    def of_every_run(self) -> tuple[PublishedFile, ...]:
        """List the files that each run of the track reads."""
        return self.models + self.scorers

    @property
    def everything(self) -> tuple[PublishedFile, ...]:
        """List all files: of its models, then of what scores its images, then those of some runs only."""
        return self.of_every_run + OPTIONAL
