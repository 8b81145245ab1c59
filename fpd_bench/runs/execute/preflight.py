"""What a sweep's runs need of a machine, checked before anything is made.

Needs torch for a backbone by name and for the paper's own tracks only, whose weights must fit their models.
"""

import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from fpd_bench import registry
from fpd_bench.assets.missing import Missing, missing
from fpd_bench.assets.required_files import weights_folder
from fpd_bench.config.availability import required_files
from fpd_bench.config.identity import generated, reads
from fpd_bench.config.schema import RunConfig
from fpd_bench.errors import ConfigError
from fpd_bench.tracks import shipped_assets

GPUS = ("nvidiactl", "kfd", "dxg")  # of CUDA, ROCm and Windows' Linux


def missing_files(configs: Iterable[RunConfig]) -> list[Missing]:
    """Look for the published files of all these runs."""
    return missing(required_files(config) for config in configs)


def check_machine(configs: Iterable[RunConfig], here: bool, devices: Path = Path("/dev")) -> None:
    """Check that this machine can do the runs. Raises AssetError for a missing or foreign asset of the package,
    ConfigError for a device that is not here, both for a backbone that cannot be used.

    here: the runs are made on this machine.
    """
    configs = list(configs)
    for name in sorted({name for config in configs for name in config.execution.log}):
        if find_spec(name) is None:
            raise ConfigError(
                f"execution.log={name} needs the package of that name. Install it, pip install 'fpd-bench[log]', or "
                "leave it out."
            )
    for name, preset in sorted({(c.track.name, c.track.preset) for c in configs if not generated(c)}):
        shipped_assets.verify(name, preset)
    for device in sorted({config.execution.device for config in configs} if here else ()):
        kind = device.partition(":")[0]
        is_there = {"cuda": any((devices / name).exists() for name in GPUS), "mps": sys.platform == "darwin"}
        if not is_there.get(kind, True):
            raise ConfigError(
                f"execution.device={device}, but this machine has none. Use execution.device=cpu, or executor=slurm."
            )
    for track in sorted({c.track.name for c in configs if not generated(c)}):
        files = registry.tracks.declaration(track).published
        if files:
            from fpd_bench.tracks.fitting import require_fitting  # imports torch: for published weights only

            require_fitting(files, weights_folder(files))
    named = {(c.drift.backbone, str(c.drift), c.track.name, c.track.preset): c for c in configs if _names_backbone(c)}
    for config in named.values():
        from fpd_bench.runs.execute.backbone_check import (
            check_backbone,  # imports torch: for those who ask for another Phi only
        )

        check_backbone(config, here)


def _names_backbone(config: RunConfig) -> bool:
    return bool(config.drift.backbone) and "drift.backbone" in reads(config)
