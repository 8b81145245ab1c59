"""A RunConfig as YAML text and back; the worker's side of the configuration, without Hydra."""

from dataclasses import asdict
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fpd_bench.config.fields import leaves
from fpd_bench.config.schema import RunConfig
from fpd_bench.errors import ConfigError


def to_yaml(config: RunConfig) -> str:
    """All fields, in the schema's order."""
    return OmegaConf.to_yaml(OmegaConf.create(asdict(config)))


def from_yaml(text: str, where: str = "config") -> RunConfig:
    """The configuration in `text`. A field that is younger than the text has its `before` value, else its default.

    Raises ConfigError if the text does not fit the schema.
    """
    try:
        merged = OmegaConf.merge(OmegaConf.structured(RunConfig), _before(), OmegaConf.create(text))
        config = OmegaConf.to_object(merged)
    except (OmegaConfBaseException, ValueError, TypeError) as error:
        raise ConfigError(f"{where} is not a run configuration: {str(error).splitlines()[0]}") from error
    except Exception as error:  # the YAML scanner's own tree of errors
        if type(error).__module__.startswith("yaml"):
            raise ConfigError(f"{where} is not YAML: {' '.join(str(error).split())}") from error
        raise
    assert isinstance(config, RunConfig)
    return config


def _before() -> Any:
    older = {name: field.metadata["before"] for name, field in leaves().items() if "before" in field.metadata}
    config = OmegaConf.create()
    for name, old in older.items():  # not as a list of name=value: that has no word for an empty text
        OmegaConf.update(config, name, old)
    return config
