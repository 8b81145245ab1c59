"""A RunConfig as YAML text and back; the worker's side of the configuration, without Hydra."""

import dataclasses
from dataclasses import asdict
from typing import Any

import yaml
from omegaconf import OmegaConf

from fpd_bench.config.fields import PLUGIN, leaves, settings_of
from fpd_bench.config.schema import RunConfig
from fpd_bench.errors import ConfigError


def to_yaml(config: RunConfig) -> str:
    """Write all fields as YAML, in the schema's order."""
    return OmegaConf.to_yaml(OmegaConf.create(asdict(config)))


def from_yaml(text: str, where: str = "config") -> RunConfig:
    """Read the configuration in `text`. A field that is younger than the text has its `before` value, else its default.

    Raises ConfigError if the text does not fit the schema.
    """
    try:
        found = OmegaConf.to_container(OmegaConf.create(text))
    except RecursionError as error:
        raise ConfigError(f"{where} is not a run configuration: it is nested too deeply.") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{where} is not YAML: {' '.join(str(error).split())}") from error
    except Exception as error:  # OmegaConf's own tree of errors, and what it lets through
        raise ConfigError(f"{where} is not a run configuration: {str(error).splitlines()[0]}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{where} is not a run configuration: {text[:60]!r}.")
    config = RunConfig()
    for name, field in leaves().items():
        if "before" in field.metadata:
            _set_field(config, name.split("."), field.metadata["before"])
    _fill_fields(config, found, where)
    return config


def _fill_fields(node: Any, found: dict[Any, Any], where: str, prefix: str = "") -> None:
    """Put the values of a mapping into a dataclass of the same shape."""
    fields = {field.name: field for field in dataclasses.fields(node)}
    for key, entry in found.items():
        name = f"{prefix}{key}"
        if key not in fields:
            raise ConfigError(
                f"{where} is not a run configuration of this version of fpd-bench, which has no field '{name}'."
            )
        if name == PLUGIN:
            node.plugin = {
                one: _read_settings(one, own, where) for one, own in _require_mapping(entry, name, where).items()
            }
        elif dataclasses.is_dataclass(getattr(node, key)):
            _fill_fields(getattr(node, key), _require_mapping(entry, name, where), where, f"{name}.")
        else:
            setattr(node, key, _checked_value(fields[key].type, entry, name, where))
    if hasattr(node, "__post_init__"):
        try:
            node.__post_init__()
        except TypeError as error:
            raise ConfigError(f"{where} is not a run configuration: {prefix[:-1]} cannot be read: {error}.") from error


def _read_settings(plugin: str, found: Any, where: str) -> Any:
    settings: Any = settings_of(plugin)
    if settings is None:
        raise ConfigError(f"{where}: plugin '{plugin}' has no settings of its own in the installed version.")
    own_settings = settings()
    _fill_fields(own_settings, _require_mapping(found, f"{PLUGIN}.{plugin}", where), where, f"{PLUGIN}.{plugin}.")
    return own_settings


def _require_mapping(found: Any, name: str, where: str) -> dict[Any, Any]:
    if not isinstance(found, dict):
        raise ConfigError(f"{where} is not a run configuration: {name} must be a group of fields; got {found!r}.")
    return found


def _checked_value(declared: Any, found: Any, name: str, where: str) -> Any:
    """Check one value: numbers of float fields may be written whole; anything else must be of the field's own kind."""
    right = {int: int, float: (int, float), str: str, bool: bool}.get(declared, list)
    if not isinstance(found, right) or (isinstance(found, bool) and declared is not bool):  # type: ignore[arg-type]
        raise ConfigError(f"{where} is not a run configuration: {name} cannot be {found!r}.")
    return float(found) if declared is float else found


def _set_field(config: RunConfig, path: list[str], found: Any) -> None:
    node: Any = config
    for part in path[:-1]:
        node = getattr(node, part)
    setattr(node, path[-1], found)
