"""Names for groups of settings. `drift.preset=official` in a sweep file or on a command line stands for what is listed
here, wherever overrides are read; a field that the same list sets itself, before it or behind it, keeps its own value.
A preset is no field: the run is named by what it stands for.
"""

from collections.abc import Iterable

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
            "drift.guards=published",
        )
    }
}


def spelt_out(texts: Iterable[str], where: str = "") -> list[tuple[str, str]]:
    """[(override, the preset it comes from or "")] of one list: each preset stands for its settings, but for those of
    fields that the list sets itself. Raises UnknownName."""
    given = list(texts)
    own = {text.partition("=")[0] for text in given}
    found: list[tuple[str, str]] = []
    for text in given:
        key, _, name = text.partition("=")
        if key in PRESETS:
            found += [(one, text) for one in _settings(key, name, where) if one.partition("=")[0] not in own]
        else:
            found.append((text, ""))
    return found


def _settings(key: str, name: str, where: str) -> tuple[str, ...]:
    name = name.strip(" '\"")  # Hydra's grammar takes all of them
    if name not in PRESETS[key]:
        raise UnknownName(key, name, PRESETS[key], where)
    return PRESETS[key][name]
