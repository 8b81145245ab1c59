"""The ten classes by digit or by name. Needs no torch."""

from collections.abc import Sequence

from fpd_bench.errors import ConfigError

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def class_of(text: str) -> int:
    """Read "7" or "seven". Raises ConfigError."""
    word = text.strip().lower()
    if word in NAMES:
        return NAMES.index(word)
    if word.isascii() and word.isdigit() and int(word) < len(NAMES):
        return int(word)
    raise ConfigError(f"'{text}' is not a digit. Use 0 to {len(NAMES) - 1}, or a name such as '{NAMES[7]}'.")


def check_texts(preset_name: str, texts: Sequence[str]) -> None:
    """Raise ConfigError for the first text that names no class; the same in every preset."""
    for text in texts:
        class_of(text)
