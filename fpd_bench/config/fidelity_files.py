"""Which runs are scored with Inception. Needs no torch."""

from fpd_bench.config.schema import RunConfig

ADM_TRACKS = ("maskgit",)  # scored by preset `adm` unless evaluation.fidelity says otherwise


def needs_inception(config: RunConfig) -> bool:
    """Say whether the run's images are compared through Inception."""
    return (config.evaluation.fidelity or ("adm" if config.track.name in ADM_TRACKS else "")) == "adm"
