"""YAML whose numbers remember how they were written: a label `010`, `1_000`, `1:30` or `1.10` is that text.

A number is a number where one is asked for; where text is, it is what stands in the file.
"""

from pathlib import Path
from typing import Any

import yaml
from omegaconf._utils import get_yaml_loader

from fpd_bench.errors import ConfigError


class Written:
    """A number that knows its text."""

    written: str


class WrittenInt(int, Written):
    """A whole number as YAML reads it."""


class WrittenFloat(float, Written):
    """A number as YAML reads it."""


class _Loader(get_yaml_loader()):  # type: ignore[misc]
    """OmegaConf's loader: it refuses a key given twice and reads 1e-4 as a number."""


def _integer(loader: Any, node: yaml.ScalarNode) -> WrittenInt:
    found = WrittenInt(loader.construct_yaml_int(node))
    found.written = node.value
    return found


def _float(loader: Any, node: yaml.ScalarNode) -> WrittenFloat:
    found = WrittenFloat(loader.construct_yaml_float(node))
    found.written = node.value
    return found


def _text(loader: Any, node: yaml.ScalarNode) -> str:
    return str(node.value)


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _text)


def read_yaml(path: Path) -> Any:
    """Read a file of mappings, lists and scalars. Raises ConfigError, one line, for what is not YAML."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except RecursionError as error:
        raise ConfigError(f"{path} is not a sweep: it is nested too deeply.") from error
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
