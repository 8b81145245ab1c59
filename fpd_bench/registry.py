"""Named choices: every axis of a sweep is a Registry, and every registry lives here.

A registry knows the module that fills it and imports it at the first lookup, so listing the registries costs
nothing and the torch-free rooms stay torch-free. The names and versions of the plugins in this tree stand beside
each registry, so that configurations are checked and runs are named without importing them either. Packages outside
this tree announce plugins under the entry point group `fpd_bench.<kind>s` (for example `fpd_bench.estimators`).
"""

import importlib
import sys
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import EntryPoints, entry_points
from typing import Any, Generic, TypeVar

from fpd_bench.errors import UnknownName

T = TypeVar("T")


@cache
def _everything(_path: tuple[str, ...]) -> Any:  # EntryPoints, for which Python 3.11 has a class of its own
    return entry_points()


def _announced(group: str) -> EntryPoints:
    """What installed packages announce. Looking takes some 50 ms, and a sweep asks thousands of times."""
    return _everything(tuple(sys.path)).select(group=group)


class Registry(Generic[T]):
    """Names -> plugins of one kind; unknown names raise UnknownName with a suggestion and the list."""

    def __init__(self, kind: str, *homes: str, declared: Mapping[str, int] | None = None):
        """homes: modules that register plugins; declared: {name: version} of those plugins."""
        self.kind = kind
        self._homes = homes
        self._declared = dict(declared or {})
        self._entries: dict[str, tuple[T, int]] = {}
        self._loaded = False

    def register(self, name: str, *, version: int = 1) -> Callable[[Any], Any]:
        """Decorator. `version` is part of every run id that uses the plugin: raise it when its maths changes."""

        def add(plugin: Any) -> Any:
            if name in self._entries:
                raise ValueError(f"{self.kind} '{name}' is registered twice")
            if self._declared.get(name, version) != version:
                raise ValueError(
                    f"{self.kind} '{name}' registers as version {version}, but fpd_bench/registry.py declares version "
                    f"{self._declared[name]}: change both together"
                )
            self._entries[name] = (plugin, version)
            return plugin

        return add

    def get(self, name: str) -> T:
        """The plugin called `name`. Raises UnknownName."""
        return self._entry(name)[0]

    def version(self, name: str) -> int:
        """The version of the plugin called `name`; imports nothing if it is declared. Raises UnknownName."""
        return self._declared[name] if name in self._declared else self._entry(name)[1]

    def declares(self, name: str) -> bool:
        """Whether the plugin is of this tree; costs nothing."""
        return name in self._declared

    def known(self) -> list[str]:
        """Every name that can be asked for, sorted, without importing a plugin."""
        announced = {point.name for point in _announced(self._group)}
        return sorted({*self._declared, *self._entries, *announced})

    def check(self, name: str, where: str = "") -> None:
        """Raises UnknownName unless `name` can be asked for; imports nothing."""
        if name not in self.known():
            raise UnknownName(self.kind, name, self.known(), where)

    def names(self) -> list[str]:
        """All registered names, sorted."""
        self._load()
        return sorted(self._entries)

    def _entry(self, name: str) -> tuple[T, int]:
        if name not in self._entries and name not in self._declared:
            for point in _announced(self._group).select(name=name):  # another package's: leave our own at rest
                point.load()
        if name not in self._entries:
            self._load()
        if name not in self._entries:
            raise UnknownName(self.kind, name, self._entries)
        return self._entries[name]

    @property
    def _group(self) -> str:
        return f"fpd_bench.{self.kind.replace(' ', '_')}s"

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True  # before the imports: a home may look up its siblings
        try:
            for home in self._homes:
                importlib.import_module(home)
            for point in _announced(self._group):
                point.load()
        except BaseException:
            self._loaded = False  # a home that failed says so again at the next lookup
            raise


estimators: Registry[Any] = Registry("estimator", "fpd_bench.distill.estimators", declared={"ste": 1, "soft": 1})
drafts: Registry[Any] = Registry("draft", "fpd_bench.distill.drafts", declared={"student": 1, "random": 1})
spaces: Registry[Any] = Registry("space", "fpd_bench.distill.spaces", declared={"feature": 1, "pixel": 1})
methods: Registry[Any] = Registry(
    "method", "fpd_bench.distill.fpd", "fpd_bench.distill.peers.dimo", declared={"fpd": 1, "dimo": 1}
)
generators: Registry[Any] = Registry(
    "generator",
    "fpd_bench.generators.folder",
    "fpd_bench.generators.pipelines",
    declared={"folder": 1, "diffusers": 1},
)
tracks: Registry[Any] = Registry(
    "track",
    "fpd_bench.tracks.shapes.track",
    "fpd_bench.tracks.maskgen",
    "fpd_bench.tracks.maskgit",
    declared={"shapes": 1, "maskgen": 1, "maskgit": 1},
)
