"""Hydra's part: its override grammar and its composition of structured configs. Nobody else speaks to Hydra.

Hydra keeps global state, so everything happens under one lock and an application's own Hydra is put back after.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hydra import compose as hydra_compose
from hydra import initialize
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override as HydraOverride
from hydra.errors import ConfigCompositionException, HydraException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fpd_bench.config.fields import check_name, noun
from fpd_bench.config.presets import PRESETS, spelt_out
from fpd_bench.config.schema import RunConfig
from fpd_bench.errors import ConfigError

_LOCK = threading.Lock()
_ROOT = "fpd_bench_run"


@dataclass(frozen=True)
class Override:
    """One `key=value` or `key=v1,v2,...`. texts: one `key=value` per value; preset: the word that stood for it."""

    key: str
    texts: tuple[str, ...]
    is_axis: bool
    preset: str = ""


def parse(texts: list[str], where: str) -> list[Override]:
    """Overrides in Hydra's grammar, presets spelt out. Raises ConfigError for what cannot be enumerated or is twice."""
    with _hydra():
        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        parsed = [_parse_one(parser, text, where) for text in texts]
    keys = [override.key for override in parsed]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        values = "[0,1]" if twice[0] == "seeds" else "value,value"
        raise ConfigError(f"'{twice[0]}' is given more than once in {where}. Write one list: {twice[0]}={values}.")
    for override in parsed:
        if override.is_axis and override.key in PRESETS:
            raise ConfigError(
                f"'{override.key}' in {where} cannot be an axis: it stands for several fields. Give it one name, or "
                f"several grids: [[{override.key}=...], [...]]."
            )
    written = dict(zip(texts, parsed, strict=True))
    return [
        Override(text.partition("=")[0], (text,), False, preset) if preset else written[text]
        for text, preset in spelt_out(texts, where)
    ]


def compose(overrides: list[str]) -> RunConfig:
    """The default configuration with `overrides` (key=value) applied in turn; the last of a key wins over any other
    and over a preset."""
    overrides = [text for text, _ in spelt_out(overrides)]
    for text in overrides:
        check_name(text.partition("=")[0])
    with _hydra():
        try:
            config = OmegaConf.to_object(hydra_compose(_ROOT, overrides=overrides))
        except ConfigCompositionException as error:
            text = str(error).removeprefix("Error merging override ").splitlines()[0]
            key = text.partition("=")[0]
            raise ConfigError(f"'{text}': {key} must be {noun(key)}.") from error
        except (HydraException, OmegaConfBaseException) as error:
            raise ConfigError(f"Cannot compose {' '.join(overrides)}: {str(error).splitlines()[0]}") from error
    assert isinstance(config, RunConfig)
    return config


def _parse_one(parser: OverridesParser, text: object, where: str) -> Override:
    if not isinstance(text, str):
        raise ConfigError(f"An override in {where} must be text like key=value; got {text!r}.")
    if "${" in text:
        raise ConfigError(f"'{text}' in {where}: interpolations are not allowed, a run must be spelled out.")
    try:
        override = parser.parse_overrides([text])[0]
    except OverrideParseException as error:
        raise ConfigError(f"'{text}' in {where} is not key=value: {str(error).splitlines()[0]}.") from error
    except HydraException as error:
        raise ConfigError(f"'{text}' in {where}: {str(error).splitlines()[0]}") from error
    if override.is_add() or override.is_delete() or override.package is not None:
        raise ConfigError(f"'{text}' in {where}: only key=value is allowed, without + or ~ or @.")
    return Override(override.key_or_group, _texts(override, text, where), override.is_sweep_override())


def _texts(override: HydraOverride, text: str, where: str) -> tuple[str, ...]:
    if not override.is_sweep_override():
        return (text,)
    if not override.is_discrete_sweep():
        raise ConfigError(
            f"'{text}' in {where}: interval() has no values to enumerate. Name them: {override.key_or_group}=a,b,c."
        )
    texts = tuple(dict.fromkeys(f"{override.key_or_group}={value}" for value in override.sweep_string_iterator()))
    if not texts:
        raise ConfigError(f"'{text}' in {where} has no values.")
    return texts


@contextmanager
def _hydra() -> Iterator[None]:
    with _LOCK:
        theirs = GlobalHydra.instance().hydra
        try:
            GlobalHydra.instance().clear()
            ConfigStore.instance().store(_ROOT, node=RunConfig)
            with initialize(version_base="1.3", config_path=None):
                yield
        finally:
            GlobalHydra.instance().hydra = theirs
