"""One section of a published configuration file, read with clear errors for what is missing, wrong or unsupported."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from fpd_bench.errors import AssetError


def read_config(path: Path) -> dict[str, Any] | None:
    """Read a .json or .yaml mapping; None if there is no such file. Raises AssetError if it is something else."""
    if not path.is_file():
        return None
    try:
        content = yaml.safe_load(path.read_text())  # JSON is YAML
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise AssetError(f"'{path}' cannot be read: {error} Fetch it again.") from error
    if not isinstance(content, dict):
        raise AssetError(f"'{path}' must hold settings, not {json.dumps(content, default=str)[:60]}. Fetch it again.")
    return content


class Settings:
    """Keys of a section; every failure is an AssetError that names file, key and value."""

    def __init__(self, path: Path, content: Mapping[str, Any], name: str = ""):
        self.path, self.content, self.name = path, content, name

    def section(self, key: str) -> "Settings":
        """Return the section of this name inside this one."""
        found = self._get(key)
        if not isinstance(found, Mapping):
            raise self._wrong_value(key, found, "a section")
        return Settings(self.path, found, self._dotted(key))

    def count(self, key: str, default: int | None = None) -> int:
        """Read a whole number above 0. default: of a key that may be absent."""
        found = self._get(key, default)
        if not isinstance(found, int) or isinstance(found, bool) or found < 1:
            raise self._wrong_value(key, found, "a whole number above 0")
        return found

    def counts(self, key: str) -> tuple[int, ...]:
        """Read a list of whole numbers."""
        found = self._get(key)
        if not isinstance(found, list) or not all(isinstance(each, int) for each in found):
            raise self._wrong_value(key, found, "a list of whole numbers")
        return tuple(found)

    def number(self, key: str, default: float | None = None) -> float:
        found = self._get(key, default)
        if not isinstance(found, int | float) or isinstance(found, bool):
            raise self._wrong_value(key, found, "a number")
        return float(found)

    def choice(self, key: str, known: Mapping[str, Any]) -> Any:
        """Read a word, and return what `known` says that it stands for."""
        found = self._get(key)
        if found not in known:
            raise self._wrong_value(key, found, f"one of {', '.join(known)}")
        return known[found]

    def expect(self, key: str, only: Any) -> None:
        """Refuse any value but the one that is implemented here; an absent key says nothing."""
        found = self.content.get(key, only)
        if found != only:
            asked = json.dumps(found, default=str)
            raise AssetError(
                f"'{self.path}' asks for {self._dotted(key)}: {asked}; only {json.dumps(only)} "
                "is implemented here, and the published model has that. Fetch the published files together."
            )

    def _get(self, key: str, default: Any = None) -> Any:
        if default is None and key not in self.content:
            listed = ", ".join(map(str, self.content)) or "nothing"
            raise AssetError(
                f"'{self.path}' lacks the setting {self._dotted(key)} (it has {listed}); it may be another model's. "
                "Fetch it again."
            )
        return self.content.get(key, default)

    def _wrong_value(self, key: str, found: Any, wanted: str) -> AssetError:
        value = json.dumps(found, default=str)[:60]
        return AssetError(f"'{self.path}': {self._dotted(key)} must be {wanted}; got {value}. Fetch it again.")

    def _dotted(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key
