"""What a run reads that must be on the machine where it is made: told from its configuration alone.

assets/missing.py looks for it; `require_files` asks for one run what a sweep asks once for all.
"""

from fpd_bench import registry
from fpd_bench.assets.missing import Required, missing, provide
from fpd_bench.config.identity import generated, reads, trains
from fpd_bench.config.schema import RunConfig


def required_files(config: RunConfig) -> Required:
    """Say what `missing` is to look for."""
    track, settings = config.track.name, config.generator
    elsewhere = generated(config)
    pipeline = elsewhere and registry.generators.declaration(config.method).draws
    return Required(
        files=registry.tracks.declaration(track).published,
        models=not elsewhere,
        who=f"method={config.method} on track '{track}'",
        captions=trains(config),
        real_images=_sees_images(config),
        reference=not config.evaluation.fidelity,
        inception=needs_inception(config),
        discriminator=needs_discriminator(config),
        folder=settings.source if elsewhere and not pipeline else "",
        pipeline=settings.source if pipeline else "",
        added=tuple(filter(None, (settings.unet, settings.lora))) if pipeline else (),
        lora=bool(settings.lora),
    )


def require_files(config: RunConfig) -> None:
    """Fetch what FPD_WEIGHTS=hub lets us fetch; raise AssetError, with the command that helps, for what is missing."""
    provide(missing([required_files(config)]))


def needs_inception(config: RunConfig) -> bool:
    """Say whether the run's images are compared through Inception."""
    return (config.evaluation.fidelity or registry.tracks.declaration(config.track.name).fidelity) == "adm"


def _sees_images(config: RunConfig) -> bool:
    """Say whether the run draws real images of its track: for a discriminator, or to count their codes."""
    return has_adversary(config) or (config.start.codes == "unigram" and "start.codes" in reads(config))


def has_adversary(config: RunConfig) -> bool:
    """Say whether the run trains against a discriminator, which sees real images."""
    return config.gan.weight > 0 and "gan.weight" in reads(config)


def needs_discriminator(config: RunConfig) -> bool:
    """Say whether the discriminator's own published weights are needed."""
    return has_adversary(config) and config.gan.discriminator == "projected"
