"""The ten classes of a preset by number or by name. Needs no torch."""

from collections.abc import Sequence

from fpd_bench.errors import ConfigError

NAMES = {
    "default": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    "fashion": (
        "t-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
    ),
}  # fmt: skip


def class_of(text: str, preset: str = "default") -> int:
    """Read "7" or "seven", with preset 'fashion' "7" or "sneaker". Raises ConfigError."""
    word, names = text.strip().lower(), NAMES[preset]
    if word in names:
        return names.index(word)
    if word.isascii() and word.isdigit() and int(word) < len(names):
        return int(word)
    what = "a digit" if preset == "default" else f"a class of '{preset}'"
    raise ConfigError(f"'{text}' is not {what}. Use 0 to {len(names) - 1}, or a name such as '{names[7]}'.")


def texts_of(preset: str) -> tuple[str, ...]:
    """List what the classes are called as prompts: "0" to "9", or names."""
    return tuple(map(str, range(10))) if preset == "default" else NAMES[preset]


def check_texts(preset_name: str, texts: Sequence[str]) -> None:
    """Raise ConfigError for the first text that names no class of the preset."""
    for text in texts:
        class_of(text, preset_name)
