"""What a run reads that must be on this machine: published weights, captions, real images, Inception, pipelines."""

from fpd_bench.assets import published
from fpd_bench.config.fidelity_files import require_fidelity
from fpd_bench.config.generators import require_source
from fpd_bench.config.identity import generated, reads, trains
from fpd_bench.config.schema import RunConfig
from fpd_bench.config.tracks import refuse_unavailable, refuse_without_data


def require_files(config: RunConfig, profile: str = "") -> None:
    """Raise AssetError, with the command that helps, for a file that this run reads and that is not here.

    profile: of the sweep that asks for it, for the message.
    """
    if generated(config):
        require_source(config)
    else:
        refuse_unavailable(config.track.name, profile)
    if needs_discriminator(config):
        published.discriminator_file()
    require_fidelity(config)
    refuse_without_data(config.track.name, trains(config), _sees_images(config), not config.evaluation.fidelity)


def _sees_images(config: RunConfig) -> bool:
    """Whether the run draws real images of its track: for a discriminator, or to count their codes."""
    return has_adversary(config) or (config.start.codes == "unigram" and "start.codes" in reads(config))


def has_adversary(config: RunConfig) -> bool:
    """Whether the run trains against a discriminator, which sees real images."""
    return config.gan.weight > 0 and "gan.weight" in reads(config)


def needs_discriminator(config: RunConfig) -> bool:
    """Whether the discriminator's own published weights are needed."""
    return has_adversary(config) and config.gan.discriminator == "projected"
