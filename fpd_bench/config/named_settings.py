"""Names for groups of settings. `drift.preset=official` in a sweep file or on a command line stands for what is listed
here, wherever overrides are read; a field that the same list sets itself, before it or behind it, keeps its own value.
A preset is no field: the run is named by what it stands for.
"""

from collections.abc import Iterable

from fpd_bench.errors import UnknownName

# drift, official: the published Drifting code, whose bandwidths and features are the user's to choose.
# dimo, official: yuanzhi-zhu/DiMO@2461374, configs/DIMO_MaskGit.yaml; batch (64 there) and steps are the user's.
PRESETS: dict[str, dict[str, tuple[str, ...]]] = {
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
    },
    "dimo.preset": {
        "official": (
            "dimo.aux_lr=1e-5",
            "dimo.jeffreys_beta=0",
            "dimo.label_smoothing=-1",
            "dimo.fixed_embeddings=true",
            "start.r_init=0.6",
            "start.temperature=1",
            "start.embedding_noise=0.1",
            "refine.ratio=arccos",
            "refine.guidance=1",
            "optim.lr=1e-5",
            "optim.betas=[0.9,0.999]",
            "optim.weight_decay=0",
            "optim.schedule=constant",
            "optim.warmup=100",
            "optim.clip=1",
            "optim.ema=0.9999",
        )
    },
}


def spell_out_presets(texts: Iterable[str], where: str = "") -> list[tuple[str, str]]:
    """Replace each preset of a list by its settings, as [(override, the preset it comes from or "")], but for those of
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
