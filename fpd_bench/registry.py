"""Named choices: every axis of a sweep is a Registry, and every registry lives here.

A registry knows the module that fills it and imports it at the first lookup, so listing the registries costs
nothing and the torch-free rooms stay torch-free. Packages outside this tree announce plugins under the entry
point group `fpd_bench.<kind>s` (for example `fpd_bench.estimators`).
"""

import importlib
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from fpd_bench.errors import UnknownName

T = TypeVar("T")


class Registry(Generic[T]):
    """Names -> plugins of one kind; unknown names raise UnknownName with a suggestion and the list."""

    def __init__(self, kind: str, *homes: str):
        self.kind = kind
        self._homes = homes
        self._entries: dict[str, tuple[T, int]] = {}
        self._loaded = False

    def register(self, name: str, *, version: int = 1) -> Callable[[Any], Any]:
        """Decorator. `version` is part of every run id that uses the plugin: raise it when its maths changes."""

        def add(plugin: Any) -> Any:
            if name in self._entries:
                raise ValueError(f"{self.kind} '{name}' is registered twice")
            self._entries[name] = (plugin, version)
            return plugin

        return add

    def get(self, name: str) -> T:
        """The plugin called `name`. Raises UnknownName."""
        return self._entry(name)[0]

    def version(self, name: str) -> int:
        """The version of the plugin called `name`. Raises UnknownName."""
        return self._entry(name)[1]

    def names(self) -> list[str]:
        """All registered names, sorted."""
        self._load()
        return sorted(self._entries)

    def _entry(self, name: str) -> tuple[T, int]:
        self._load()
        if name not in self._entries:
            raise UnknownName(self.kind, name, self._entries)
        return self._entries[name]

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        for home in self._homes:
            importlib.import_module(home)
        for point in entry_points(group=f"fpd_bench.{self.kind.replace(' ', '_')}s"):
            point.load()


estimators: Registry[Any] = Registry("estimator", "fpd_bench.distill.estimators")
drafts: Registry[Any] = Registry("draft", "fpd_bench.distill.drafts")
spaces: Registry[Any] = Registry("space", "fpd_bench.distill.spaces")
methods: Registry[Any] = Registry("method", "fpd_bench.distill.fpd", "fpd_bench.distill.peers.dimo")
tracks: Registry[Any] = Registry("track", "fpd_bench.tracks.shapes.track")
