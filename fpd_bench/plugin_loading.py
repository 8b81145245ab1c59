"""How a named plugin is found and loaded: declared first, its code imported when it is used for the first time.

Packages outside this tree announce plugins under the entry point group `fpd_bench.<kind>s` (for example
`fpd_bench.estimators`), as a Declaration or as the module that registers them.
"""

import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pkgutil import resolve_name
from typing import Any, Generic, TypeVar

from fpd_bench.declarations import Declaration
from fpd_bench.errors import PluginError, UnknownName

T = TypeVar("T")


class Registry(Generic[T]):
    """Names -> plugins of one kind; unknown names raise UnknownName with a suggestion and the list."""

    def __init__(self, kind: str, declared: Mapping[str, Declaration | str] | None = None, form: type = Declaration):
        """Take `declared`, the plugins of this tree, and `form`, the class of this kind's declarations.

        A declaration may be named as `module:NAME`, and is then imported when it is asked for.
        """
        self.kind, self._form = kind, form
        self._declared = dict(declared or {})
        self._entries: dict[str, T] = {}
        self._own: dict[str, Declaration] = {}  # of plugins that say so when they register

    def register(self, name: str, **declaration: Any) -> Callable[[Any], Any]:
        """Decorate the plugin called `name`. A plugin that stands in no list declares itself here: version, reads."""

        def add(plugin: Any) -> Any:
            if name in self._entries:
                raise ValueError(f"{self.kind} '{name}' is registered twice")
            if name in self._declared and declaration:
                raise ValueError(f"{self.kind} '{name}' is declared in fpd_bench/registry.py: declare it there only")
            self._entries[name] = plugin
            if name not in self._declared:  # nor declared by an entry point, which has said all already
                self._own.setdefault(name, self._form(module=plugin.__module__, **declaration))
            return plugin

        return add

    def get(self, name: str) -> T:
        """Import the plugin called `name`, and no other. Raises UnknownName, and PluginError if its code fails."""
        if name not in self._entries:
            self.check(name)
            module = self.declaration(name).module
            if name not in self._entries and module:
                _guarded(self.kind, name, lambda: importlib.import_module(module))
        if name not in self._entries:
            raise PluginError(f"{self.kind} '{name}' has no code: its module registers no such name.")
        return self._entries[name]

    def declaration(self, name: str) -> Any:
        """Give the declaration of `name`, without importing the plugin. Raises UnknownName, PluginError."""
        if name in self._declared:
            found = self._declared[name]
            if isinstance(found, str):
                place = found
                self._declared[name] = _guarded(self.kind, name, lambda: resolve_name(place))
            return self._declared[name]
        if name not in self._own:
            self.check(name)
            self._own[name] = self._from_outside(name)
        return self._own[name]

    def load(self, name: str, part: str) -> Any:
        """Import what the declaration of `name` names as `part` (`module:function`); None if it names nothing.

        Raises UnknownName, PluginError.
        """
        place = getattr(self.declaration(name), part)
        return _guarded(self.kind, name, lambda: resolve_name(place)) if place else None

    def version(self, name: str) -> int:
        """Give the version of the plugin called `name`. Raises UnknownName, PluginError."""
        return int(self.declaration(name).version)

    @property
    def in_this_tree(self) -> list[str]:
        """List the plugins of this package; a look at other packages takes a while."""
        return list(self._declared)

    def known(self) -> list[str]:
        """List every name that can be asked for, sorted, without importing a plugin."""
        return sorted({*self._declared, *self._entries, *(point.name for point in _announced(self._group))})

    def check(self, name: str, where: str = "") -> None:
        """Raise UnknownName unless `name` can be asked for; import nothing."""
        # First without a look at other packages, which takes a while.
        if name not in self._declared and name not in self._entries and name not in self.known():
            raise UnknownName(self.kind, name, self.known(), where)

    def package(self, name: str) -> str:
        """Name the distribution that a plugin of another package comes from; '' for one of this tree."""
        points = [] if name in self._declared else [*_announced(self._group).select(name=name)]
        return points[0].dist.name if points and points[0].dist else ""

    @property
    def _group(self) -> str:
        return f"fpd_bench.{self.kind.replace(' ', '_')}s"

    def _from_outside(self, name: str) -> Declaration:
        """Load a plugin of another package: its entry point is a Declaration, or what registers it."""
        if name in self._entries:  # put there by hand, without a declaration
            return self._form()
        points = [*_announced(self._group).select(name=name)]
        if len(points) > 1:
            whose = " and ".join(sorted(f"'{one.dist.name if one.dist else one.value}'" for one in points))
            raise PluginError(f"{self.kind} '{name}' is announced by packages {whose}. Uninstall all but one.")
        (point,) = points
        found = _guarded(self.kind, name, point.load, point)
        if isinstance(found, Declaration):
            return found if found.module else replace(found, module=point.module)
        return self._own.get(name, self._form(module=point.module))


def _guarded(kind: str, name: str, load: Callable[[], Any], point: EntryPoint | None = None) -> Any:
    """Load a plugin; what its code raises becomes one line that names it."""
    try:
        return load()
    except Exception as error:
        place = f" of package '{point.dist.name}'" if point and point.dist else ""
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PluginError(
            f"{kind} '{name}'{place} cannot be imported: {type(error).__name__}: {reason}. "
            f"Mend or uninstall that package, or choose another {kind}."
        ) from error


@cache
def _everything(_path: tuple[str, ...]) -> Any:  # EntryPoints, for which Python 3.11 has a class of its own
    return entry_points()


def _announced(group: str) -> EntryPoints:
    """List what installed packages announce. Looking takes some 50 ms, and a sweep asks thousands of times."""
    return _everything(tuple(sys.path)).select(group=group)
