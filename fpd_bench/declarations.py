"""What is said of a plugin before its code is imported, so that runs are checked, named and planned without torch.

Each plugin of this tree stands in one list of fpd_bench/registry.py. A track has more to say than the others (sizes,
files, what judges its images, what its runs cost); its declaration is a module of its own package, to which its line
in that list points. Functions are named there as `module:function` and imported when they are called.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fpd_bench.assets.published_files import TrackFiles

EVERYTHING = ("*",)  # what a plugin reads that does not say


PAIR_STEPS = 16  # of the teacher, for each pair that a track samples from it


@dataclass(frozen=True)
class Refusal:
    """Settings that a plugin cannot carry out. where: {field: the values that are refused together}."""

    where: Mapping[str, tuple[Any, ...]]
    why: str


@dataclass(frozen=True)
class Declaration:
    """What is known of a plugin before its code is imported.

    module: registers the plugin when it is imported. says: what it is, in one line. version: part of every run id that
    uses the plugin; raise it when its maths changes. reads: fields of the configuration that can change what it
    computes, as patterns (`drift.*`); no others name its runs. settings: a dataclass of knobs, or where it stands
    (`package.module:Class`), whose fields become `plugin.<name>.<field>`.
    """

    module: str = ""
    says: str = ""
    version: int = 1
    reads: tuple[str, ...] = EVERYTHING
    refuses: tuple[Refusal, ...] = ()
    settings: type | str | None = None


@dataclass(frozen=True)
class GeneratorDeclaration(Declaration):
    """Images from elsewhere: nothing is trained, so only these fields can matter. draws: by a pipeline, in the run."""

    reads: tuple[str, ...] = ("generator.*",)
    draws: bool = True


@dataclass(frozen=True)
class MethodDeclaration(Declaration):
    """trains: a student; otherwise images come from the teacher or from elsewhere. auxiliary: it trains a second
    network. data_parallel: several processes can share its batch."""

    trains: bool = True
    auxiliary: bool = False
    data_parallel: bool = False


@dataclass(frozen=True)
class TrackSizes:
    """Sizes of a track at one preset. tokens: L; pixels: image side in px.

    strides: pixels to a feature, of each block that the backbone can be cut at. patch: side of a transformer's patch in
    px, of which an image must be a multiple; 0 for a convolutional backbone.
    """

    tokens: int
    pixels: int
    strides: tuple[int, ...] = ()
    patch: int = 0

    @property
    def blocks(self) -> tuple[int, ...]:
        """List the blocks that the backbone can be cut at."""
        return tuple(range(len(self.strides)))

    def maps(self, blocks: Any, side: int = 0) -> dict[int, int]:
        """Map each block to the side of its feature map, for images of `side` px; 0 = the track's own."""
        return {block: -(-(side or self.pixels) // self.strides[block]) for block in blocks}


@dataclass(frozen=True)
class Scoring:
    """What the networks cost that look at every image of an evaluation: FLOPs an image, bytes of their parameters."""

    flops: float
    size: float


@dataclass(frozen=True)
class TrackDeclaration(Declaration):
    """Everything that is said of a track; what is left out is not known, and is neither checked nor refused.

    A track reads its own fields, track.*, which every run reads; say more in `reads` only if it does.
    presets: their sizes. default: which preset is meant by `default`. hashed_as: {preset: its name in run ids}, for one
    that has been renamed. shipped: presets whose files are in the package.
    evaluations: what gives its suites' metrics (fpd_bench/metrics.py); fidelity: by which preset its images are
    compared with real ones unless evaluation.fidelity says otherwise; items: {split: of its suite}; without them the
    suite is opened and counted; scoring: what looks at the images.
    published: files that its runs read; examples: prompts for a picture of `tracks check`. sampler: the fields
    evaluation.teacher_* that its teacher_sample takes. pair_steps: of its teacher, for each of its `pairs` that are
    sampled; 0 where they are real.

    blueprint: (preset, weights folder) -> bench.Blueprint, its networks on the meta device; without it the track is
    opened and emptied. judge: () -> (split -> bench.Suite), its suites without its models. verify: (preset) -> None,
    raises AssetError for a shipped file that is missing or foreign. prompts: (preset, texts) -> None, raises
    ConfigError for a text that the track cannot read; without it that is told once the track is open. build: as
    tracks/building.py calls it; buildable: what it can be asked for, the first by default.
    """

    reads: tuple[str, ...] = ()
    presets: Mapping[str, TrackSizes] = field(default_factory=dict)
    default: str = "default"
    hashed_as: Mapping[str, str] = field(default_factory=dict)
    shipped: tuple[str, ...] = ()
    evaluations: tuple[str, ...] | None = None
    fidelity: str = ""
    items: Mapping[str, int] = field(default_factory=dict)
    scoring: Scoring | None = None
    published: TrackFiles | None = None
    examples: tuple[str, ...] = ()
    sampler: tuple[str, ...] = ()
    pair_steps: int = 0
    blueprint: str = ""
    judge: str = ""
    verify: str = ""
    prompts: str = ""
    build: str = ""
    buildable: tuple[str, ...] = ("teacher",)
