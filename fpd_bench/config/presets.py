"""Names for groups of settings. `drift.preset=official` in a sweep file or on a command line stands for what is listed
here; whatever follows it may change parts of it. A preset is no field: the run is named by what it stands for."""

from collections.abc import Iterable

from fpd_bench.config.fields import check_name
from fpd_bench.errors import UnknownName

# official: the published Drifting code (facts/methods.md 7.1), whose bandwidths and features are the user's to choose.
PRESETS = {
    "drift.preset": {
        "official": (
            "drift.positives=all",
            "drift.negatives=self_masked",
            "drift.normalise=joint",
            "drift.floor=1e-6",
            "drift.repulsion=1",
            "drift.shifts=0",
            "drift.scale=layer",
            "drift.equalise=layer",
            "drift.combine=fields",
            "drift.norm=mean",
            "drift.layers=sum",
            "drift.memory=0",
        )
    }
}


def check_key(key: str, where: str = "") -> None:
    """Raises UnknownName or ConfigError unless `key` is a field or a preset's name."""
    if key not in PRESETS:
        check_name(key, where)


def spelt_out(texts: Iterable[str]) -> list[str]:
    """The overrides with every preset replaced by what it stands for. Raises UnknownName."""
    found: list[str] = []
    for text in texts:
        key, _, name = text.partition("=")
        if key in PRESETS and name not in PRESETS[key]:
            raise UnknownName(key, name, PRESETS[key])
        found += PRESETS[key][name] if key in PRESETS else [text]
    return found
