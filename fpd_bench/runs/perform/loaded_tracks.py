"""Where a run's images come from and what scores them: tracks and generators, kept warm from run to run."""

import os
from dataclasses import dataclass

import torch

from fpd_bench import registry
from fpd_bench.assets.required_files import discriminator_file
from fpd_bench.bench import Track
from fpd_bench.config.availability import needs_discriminator, require_files
from fpd_bench.config.check import check
from fpd_bench.config.identity import generated
from fpd_bench.config.schema import RunConfig
from fpd_bench.generators.base import Generator
from fpd_bench.models import devices
from fpd_bench.models.named_backbone import backbone_assets
from fpd_bench.records.layout import sha256
from fpd_bench.tracks.judges import Judge, judge_of


class Bench:
    """The tracks this process has loaded; they stay warm from run to run.

    follow_parent: runs stop at their next step when the process that started this one is gone.
    """

    def __init__(self, follow_parent: bool = False) -> None:
        self.parent = os.getppid() if follow_parent else None
        self._tracks: dict[tuple[str, str, str], Track] = {}
        self._judges: dict[tuple[str, str], Judge | Track] = {}

    def judge(self, config: RunConfig) -> Judge | Track:
        """Return what scores the run's images: its track, without the models if they are not the run's. Raises as
        `track`.
        """
        if not generated(config):
            return self.track(config)
        key = (config.track.name, config.track.preset)
        if key not in self._judges:
            self._judges[key] = judge_of(*key)
        return self._judges[key]

    def track(self, config: RunConfig) -> Track:
        """Return the track of a run, on its device. Raises UnknownName, AssetError, or ConfigError without that
        device.
        """
        key = (config.track.name, config.track.preset, config.execution.device)
        if key not in self._tracks:
            device = devices.open_device(config.execution.device)
            track = registry.tracks.get(config.track.name)(config.track.preset)
            self._tracks[key] = track if device.type == "cpu" else track.to(device)
        return self._tracks[key]


@dataclass(frozen=True)
class ImageSource:
    """Where a run's images come from, and what scores them. track: if the run uses its models; generator: if not."""

    judge: Judge | Track
    track: Track | None
    generator: Generator | None

    @property
    def assets(self) -> dict[str, str]:
        """Return the hashes of the files behind the images and their scores."""
        return self.judge.assets | (self.generator.assets if self.generator else {})


def assets_of(config: RunConfig, source: ImageSource) -> dict[str, str]:
    """Return the hashes of all files of weights and data that decide the run's numbers."""
    found = source.assets | backbone_assets(config.drift.backbone)
    if needs_discriminator(config):
        found["discriminator"] = sha256(discriminator_file())
    return found


def open_source(config: RunConfig, bench: Bench) -> tuple[ImageSource | None, Exception | None]:
    """Open the checked run's source; without one, return the error, for the attempt that has yet to begin."""
    try:
        check(config)
        require_files(config)
        devices.settle_process(config.execution.threads)
        torch.manual_seed(config.seed)  # everything draws from named streams; this is for what forgets to
        if generated(config):
            return ImageSource(bench.judge(config), None, registry.generators.get(config.method)(config)), None
        track = bench.track(config)
        return ImageSource(track, track, None), None
    except Exception as error:
        return None, error
