"""Overrides in Hydra's grammar -> values -> a RunConfig. Only this file and search_grammar.py speak to Hydra,
and only to its parser.

A table of 2,000 rows is 2,000 configurations: each is the schema's defaults with values set in turn, which takes a
fraction of a millisecond, where Hydra's own composition takes seventy (docs/adr/0002).
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, is_dataclass, replace
from functools import cache, lru_cache
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, RangeSweep
from hydra.core.override_parser.types import Override as HydraOverride
from hydra.errors import HydraException

from fpd_bench.config.fields import EXECUTION, assign, check_name, leaf, leaves, type_in_words, well_typed
from fpd_bench.config.named_settings import PRESETS, spell_out_presets
from fpd_bench.config.schema import RunConfig
from fpd_bench.config.tracks import own_preset
from fpd_bench.errors import ConfigError

NUMBERS = (int, float, list[int], list[float])
MOST_VALUES = 10_000  # of a range


@dataclass(frozen=True)
class Override:
    """One `key=value` or `key=v1,v2,...`. texts: one `key=value` per value; preset: the word that stood for it."""

    key: str
    texts: tuple[str, ...]
    is_axis: bool
    preset: str = ""


def parse(texts: Sequence[object], where: str) -> list[Override]:
    """Read overrides in Hydra's grammar, presets spelt out; of one key given twice, the last wins, as in Hydra.

    Raises ConfigError for what cannot be read or enumerated, and for an axis that is given twice.
    """
    texts = [_bracketed(text) for text in texts]
    parsed = {str(text): _override(text, where) for text in texts}
    for override in parsed.values():
        others = [one for one in parsed.values() if one.key == override.key]
        if len(others) > 1 and any(one.is_axis for one in others):
            raise ConfigError(
                f"'{override.key}' is given more than once in {where}, with several values. Write one list: "
                f"{override.key}=value,value."
            )
        if override.is_axis and override.key in PRESETS:
            raise ConfigError(
                f"'{override.key}' in {where} cannot have several values, because it is a preset that sets "
                f"several fields. Give it one value, or write several grids: [[{override.key}=...], [...]]."
            )
    last = {override.key: text for text, override in parsed.items()}
    return [
        Override(text.partition("=")[0], (text,), False, preset) if preset else parsed[text]
        for text, preset in spell_out_presets(last.values(), where)
    ]


def compose(overrides: Sequence[str], base: RunConfig | None = None) -> RunConfig:
    """Set `overrides` (key=value) in turn, on the defaults or on a copy of `base`; the last of a key wins over any
    other and over a preset. Raises ConfigError."""
    config = compose_base(overrides, base)
    # Records say which preset it was, whatever is default later.
    config.track.preset = own_preset(config.track.name, config.track.preset)
    return config


def compose_base(overrides: Sequence[str], base: RunConfig | None = None) -> RunConfig:
    """Do the same with the preset as it is called: another track may still be chosen on top."""
    config = RunConfig() if base is None else _copy(base)
    for text, _ in spell_out_presets(map(_bracketed, overrides)):
        key = text.partition("=")[0]
        check_name(key)
        assign(config, key, _read_value(key, text))
    return config


def _copy(config: RunConfig) -> RunConfig:
    """Copy a configuration so that setting its fields leaves the first as it is; several times faster than deepcopy."""
    groups: dict[str, Any] = {name: _twin(node) for name, node in vars(config).items() if is_dataclass(node)}
    own = {name: copy.copy(settings) for name, settings in config.plugin.items()}
    return replace(config, **groups, plugin=own)


def _twin(node: Any) -> Any:
    """Copy a dataclass as copy.copy does, in a third of the time."""
    twin = object.__new__(type(node))
    vars(twin).update(vars(node))
    return twin


def _bracketed(text: Any) -> Any:
    """Write several words of an execution field as the list that they are: such a field cannot be an axis."""
    key, sign, rest = text.partition("=") if isinstance(text, str) else ("", "", "")
    in_list = sign and key.startswith(f"{EXECUTION}.") and key in leaves() and leaf(key).type == list[str]
    return f"{key}=[{rest}]" if in_list and not rest.strip().startswith("[") else text


def _override(text: object, where: str) -> Override:
    if not isinstance(text, str):
        raise ConfigError(f"An override in {where} must be text like key=value; got {text!r}.")
    if "${" in text:
        raise ConfigError(f"'{text}' in {where}: references like ${{name}} are not allowed. Write the value itself.")
    found = read_override(text)
    if isinstance(found, str):
        raise ConfigError(f"'{text}' in {where} is not key=value. {found}")
    if found.is_add() or found.is_delete() or found.package is not None:
        raise ConfigError(f"'{text}' in {where}: only key=value is allowed, without + or ~ or @.")
    return Override(found.key_or_group, _one_text_a_value(found, text, where), found.is_sweep_override())


@lru_cache(maxsize=100_000)
def read_override(text: str) -> HydraOverride | str:
    """Say what Hydra's parser makes of one override, or a sentence that says what is wrong with it.

    The parser's own words (token names, positions in a grammar) mean nothing to who has written the override.
    """
    try:
        return _parser().parse_overrides([text])[0]
    except HydraException:
        key, sign, rest = text.partition("=")
        if not sign:
            return "Write a field, an equals sign and a value, like optim.lr=1e-4."
        if not key.strip():
            return "The field's name is missing before the equals sign."
        return f"The value cannot be read; if it is text, quote it: \"{key}='{rest}'\"."


@cache
def _parser() -> OverridesParser:
    return OverridesParser.create()  # takes as long as to parse several overrides


def _one_text_a_value(override: HydraOverride, text: str, where: str) -> tuple[str, ...]:
    if not override.is_sweep_override():
        return (text,)
    if not override.is_discrete_sweep():
        raise ConfigError(
            f"'{text}' in {where}: interval() has no values to enumerate. Name them: {override.key_or_group}=a,b,c."
        )
    if isinstance(override.value(), Glob):
        raise ConfigError(f"'{text}' in {where}: glob() has no values. Name them: {override.key_or_group}=a,b,c.")
    value = override.value()
    if isinstance(value, RangeSweep):
        refuse_odd_range(value, f"'{text}' in {where}")
    return tuple(dict.fromkeys(f"{override.key_or_group}={value}" for value in override.sweep_string_iterator()))


def refuse_odd_range(found: RangeSweep, place: str) -> None:
    """Raise ConfigError for a range whose values nobody could list."""
    if not found.step:
        raise ConfigError(f"{place}: a range needs a step other than 0.")
    values = 0 if found.stop is None else (found.stop - (found.start or 0)) / found.step
    if values > MOST_VALUES:
        raise ConfigError(
            f"{place}: the range has {values:,.0f} values; {MOST_VALUES:,} are the most. Give it a larger step."
        )


def _read_value(key: str, text: str) -> Any:
    """Read the value of an override as its field holds it. Raises ConfigError."""
    override = _override(text, "the overrides")
    if override.is_axis:
        raise ConfigError(f"'{text}': {key} must be {type_in_words(key)}, one value.")
    found = read_override(text)
    assert not isinstance(found, str)
    given, declared, written = found.value(), leaf(key).type, text.partition("=")[2].strip()
    if declared is str:
        return given if isinstance(given, str) else written  # what looks like a number is the text that was written
    words = [one for one in (given if isinstance(given, list) else [given]) if isinstance(one, str)]
    if declared in NUMBERS and words and any(quote in written for quote in "'\""):
        raise ConfigError(
            f"'{text}': {key} must be {type_in_words(key)}; '{words[0]}' in quotes is text. Leave out the quotes."
        )
    if not well_typed(key, given):
        raise ConfigError(f"{key} must be {type_in_words(key)}; got {written or 'nothing'}.")
    return given
