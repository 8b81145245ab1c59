"""Takes keys out of one mapping of a YAML file, each with its type, and refuses what nobody asked for."""

from typing import Any

from fpd_bench.config.written import Written
from fpd_bench.errors import ConfigError, UnknownName

REQUIRED: Any = object()
NOUNS = {dict: "a mapping of key: value", list: "a list", str: "text", int: "a number", float: "a number"}


def as_written(found: Any) -> str:
    """Give the text of a YAML scalar as its author wrote it."""
    return found.written if isinstance(found, Written) else str(found)


class MappingReader:
    """Takes keys from a mapping, each with its type; what is left at `finish` is unknown."""

    def __init__(self, entry: Any, where: str):
        if not isinstance(entry, dict):
            raise ConfigError(f"{where} must be a mapping of key: value; got {type(entry).__name__} {entry!r:.60}.")
        self._entry, self._where, self._asked = entry, where, set[str]()

    def get(self, key: str, kind: type | tuple[type, ...], default: Any = REQUIRED) -> Any:
        self._asked.add(key)
        found = self._entry.get(key)
        if found is None:
            if default is REQUIRED:
                raise ConfigError(f"{self._where} lacks '{key}'.")
            return default
        if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
            types = kind if isinstance(kind, tuple) else (kind,)
            names = " or ".join(dict.fromkeys(NOUNS[one] for one in types))
            quoted = (
                " This is text: write a number, without quotes." if isinstance(found, str) and float in types else ""
            )
            raise ConfigError(f"{self._where}: '{key}' must be {names}; got {found!r}.{quoted}")
        return found

    def text(self, key: str, default: Any = REQUIRED) -> str:
        """Read a text as it was written: `010` stays 010."""
        if isinstance(self._entry.get(key), bool) or (key in self._entry and self._entry[key] is None):
            raise ConfigError(f"{self._where}: '{key}' is read as {self._entry[key]} by YAML. Quote it, to have text.")
        return as_written(self.get(key, (str, int, float), default))

    def finish(self) -> None:
        for key in self._entry:
            if key not in self._asked:
                raise UnknownName("key", key, self._asked, self._where)
