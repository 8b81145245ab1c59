"""YAML whose numbers remember how they were written: a label `010`, `1_000`, `1:30` or `1.10` is that text.

A number is a number where one is asked for; where text is, it is what stands in the file. What YAML alone takes for a
number, `010` for 8 and `1:30` for 90, is text. Text has no character that a terminal would obey or no file can hold.
"""

import re
from pathlib import Path
from typing import Any

import yaml
from omegaconf._utils import get_yaml_loader

from fpd_bench.errors import ConfigError
from fpd_bench.records.odd_files import DEEPEST

ONLY_YAML = re.compile(r"[-+]?(0[0-9_]+|[0-9][0-9_]*(:[0-9_.]+)+)")  # base 8 and base 60
UNEQUAL = re.compile("[\t\ufeff]")  # libyaml takes tabs that YAML forbids, and a mark within a file for indentation
CONTROL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")  # all but tab and ends of lines


class Written:
    """A number that knows its text."""

    written: str


class WrittenInt(int, Written):
    """A whole number as YAML reads it."""


class WrittenFloat(float, Written):
    """A number as YAML reads it."""


class _Loader(get_yaml_loader()):  # type: ignore[misc]
    """OmegaConf's loader: it refuses a key given twice and reads 1e-4 as a number."""


def _integer(loader: Any, node: yaml.ScalarNode) -> WrittenInt | str:
    if ONLY_YAML.fullmatch(node.value):
        return _text(loader, node)
    found = WrittenInt(loader.construct_yaml_int(node))
    found.written = node.value
    return found


def _float(loader: Any, node: yaml.ScalarNode) -> WrittenFloat | str:
    if ONLY_YAML.fullmatch(node.value):
        return _text(loader, node)
    found = WrittenFloat(loader.construct_yaml_float(node))
    found.written = node.value
    return found


def _text(loader: Any, node: yaml.ScalarNode) -> str:
    text = str(node.value)
    found = CONTROL.search(text)
    if found:
        raise ConfigError(
            f"line {node.start_mark.line + 1}: {text!r:.60} holds the character U+{ord(found[0]):04X}, "
            "which terminals, tables and pages cannot show. Leave it out."
        )
    return text


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)
for tag in ("str", "timestamp", "value", "merge"):  # value is `=`, merge is `<<` where it is no key
    _Loader.add_constructor(f"tag:yaml.org,2002:{tag}", _text)


if yaml.__with_libyaml__:  # six times as fast: a sweep of 2,000 rows is read in .2 s
    from yaml._yaml import CParser

    class _FastLoader(CParser, _Loader):
        """The same, with libyaml's parser."""

        def __init__(self, text: str):
            CParser.__init__(self, text)
            yaml.constructor.SafeConstructor.__init__(self)
            yaml.resolver.Resolver.__init__(self)


def read_yaml(path: Path) -> Any:
    """Read a file of mappings, lists and scalars. Raises ConfigError, one line, for what is not YAML."""
    try:
        return _parsed(path.read_text(encoding="utf-8"))
    except ConfigError as error:
        raise ConfigError(f"{path}, {error}") from error
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error


def _parsed(text: str) -> Any:
    if yaml.__with_libyaml__ and not UNEQUAL.search(text):
        try:
            return _shallow(text, _FastLoader)
        except yaml.YAMLError:
            pass  # the other parser says more clearly what is wrong
    return _shallow(text, _Loader)


def _shallow(text: str, loader: Any) -> Any:
    """Load a text. Raises ConfigError for what would be built by so deep a recursion that libyaml ends the process."""
    depth = 0
    for event in yaml.parse(text, Loader=loader):  # one after the other: this needs no recursion
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            where = f"line {event.start_mark.line + 1}: " if event.start_mark else ""
            raise ConfigError(f"{where}lists and mappings are nested too deeply; {DEEPEST} levels are the most.")
    return yaml.load(text, Loader=loader)
