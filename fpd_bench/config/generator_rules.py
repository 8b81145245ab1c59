"""Rules of a run whose images come from elsewhere. Needs no torch; looks at no file."""

from fpd_bench import registry
from fpd_bench.config.fields import leaves, value
from fpd_bench.config.identity import reads
from fpd_bench.config.schema import RunConfig
from fpd_bench.errors import ConfigError


def check_generator(config: RunConfig) -> None:
    """Raise ConfigError for settings that the generator does not read, or that contradict each other."""
    settings, read = config.generator, reads(config)
    for name in leaves():
        if name.startswith("generator.") and name not in read and value(config, name) != value(RunConfig(), name):
            own = ", ".join(registry.generators.declaration(config.method).reads)
            raise ConfigError(f"method={config.method} reads only {own}, so {name} makes no difference. Leave it out.")
    if not settings.source:
        draws = registry.generators.declaration(config.method).draws
        what = "a pipeline: a hub name or a folder" if draws else "a folder of images"
        raise ConfigError(f"method={config.method} needs {what}. Write generator.source=...")
    if settings.timesteps and settings.steps != len(settings.timesteps):
        raise ConfigError(
            f"generator.timesteps={settings.timesteps} has {len(settings.timesteps)} steps, so generator.steps "
            f"must be {len(settings.timesteps)}; got {settings.steps}."
        )
