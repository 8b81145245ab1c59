"""What TAB offers behind `fpd-bench`: verbs, options, sweeps, fields, their values, profiles and run ids.

The shell runs the command anew at each TAB, so nothing here loads torch, and only the verb's own parser is made.
"""

import argparse
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from fpd_bench.cli import Parser, as_called
from fpd_bench.completion_cache import remembered

VARIABLE = "_ARGCOMPLETE"  # set by the shell; its value: how many words of the line name the program
Names = Callable[..., Iterable[str]]


def asked() -> bool:
    """Tell whether it is a shell that has started this process, to complete a line."""
    return VARIABLE in os.environ


def answer(doors: Mapping[str, tuple[str, str, str]], others: Sequence[str]) -> None:
    """Print what may follow on the line that the shell holds, and exit. others: words beside the verbs."""
    import argcomplete

    before = _words_before_cursor()
    parser, count = _parser_for(doors, before, others)
    os.environ[VARIABLE] = str(count)
    argcomplete.autocomplete(parser, always_complete_options=False)


def _words_before_cursor() -> list[str]:
    """List the whole words behind the program's name, without the one that is being typed."""
    from argcomplete.lexers import split_line

    line, point = os.environ.get("COMP_LINE", ""), int(os.environ.get("COMP_POINT", "0") or 0)
    words: list[str] = split_line(line, point)[3]
    return words[1:]


def _parser_for(
    doors: Mapping[str, tuple[str, str, str]], words: list[str], others: Sequence[str]
) -> tuple[argparse.ArgumentParser, int]:
    """Make the parser of the rest of the line; return it with the number of words before that rest."""
    if not words or words[0] not in doors:
        plain = Parser("fpd-bench", add_help=False)
        if words[:1] == [others[0]]:
            plain.add_argument("shell", choices=others[1:])
            return plain, 2
        plain.add_argument("verb", choices=[*doors, others[0]])
        plain.add_argument("--help", action="store_true")
        plain.add_argument("--version", action="store_true")
        return plain, 1
    module, function, _ = doors[words[0]]
    door = import_module(module)
    make = getattr(door, function.replace("main", "parser"))  # import_main: import_parser
    parser = make(words[1:]) if words[0] == "store" else make()
    add_values(parser)
    return parser, len(as_called(parser.prog).split())


def add_values(parser: argparse.ArgumentParser) -> None:
    """Give each argument of a parser, and of its commands, what completes it by its name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                add_values(one)
        elif action.dest in VALUES:
            action.completer = VALUES[action.dest]  # type: ignore[attr-defined]


def _sweeps(prefix: str, parsed_args: argparse.Namespace | None = None, **_: Any) -> list[str]:
    """List sweep files below what is typed, and the names of those in sweeps/ and of the package; runs to cancel."""
    from argcomplete.completers import FilesCompleter

    from fpd_bench.config.sweeps.sweep_names import names

    files: Iterable[str] = FilesCompleter(("yaml",))(prefix)
    runs = _runs(prefix, parsed_args) if parsed_args and getattr(parsed_args, "cancel", False) else []
    return [*files, *(name for name in names() if name.startswith(prefix)), *runs]


def _runs(prefix: str, parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """List the ids of the runs there are."""
    from fpd_bench.records import layout

    folder = (getattr(parsed_args, "results", None) or Path("results")) / layout.RUNS
    found = folder.iterdir() if folder.is_dir() else []
    return sorted(path.name for path in found if layout.is_run_id(path.name) and path.name.startswith(prefix))


def _sweeps_or_runs(prefix: str, parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    return [*_sweeps(prefix), *_runs(prefix, parsed_args)]


def _overrides(prefix: str, parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """List fields as `key=`, or the values of one as `key=value`."""
    key, sign, _value = prefix.partition("=")
    if not sign:
        return [word for word in remembered("fields", _field_words) if word.startswith(prefix)]
    file = next((one for one in _given_files(parsed_args)), None)
    known = _values(key, file) if key == "profile" else remembered(f"values of {key}", lambda: _values(key, file))
    before, comma, last = _value.rpartition(",")  # an axis: what follows the values that are there
    words = [word.partition("=")[2] for word in known]
    given = before.split(",") if comma else []
    return [f"{key}={before}{comma}{word}" for word in words if word.startswith(last) and word not in given]


def _field_words() -> list[str]:
    from fpd_bench.config.completion_words import field_words
    from fpd_bench.runs.execute.options import FIELDS

    return [*field_words(), "executor=", *(f"executor.{name}=" for name in FIELDS)]


def _values(key: str, file: str | None) -> list[str]:
    from fpd_bench.config.completion_words import value_words

    if key == "executor":
        from fpd_bench.runs.execute.executor import EXECUTORS

        return [f"executor={name}" for name in EXECUTORS]
    return value_words(key, file)


def _sweeps_and_overrides(prefix: str, parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    return [*_sweeps(prefix), *_overrides(prefix, parsed_args)]


def _given_files(asked: argparse.Namespace) -> list[str]:
    """List the words of the line that can name a sweep."""
    found = [getattr(asked, name, None) for name in ("file", "what")]
    found += getattr(asked, "sweeps", None) or []
    return [one for one in found if isinstance(one, str) and "=" not in one]


def _groups(prefix: str, **_: Any) -> list[str]:
    def make() -> list[str]:
        from fpd_bench.config.describe import field_groups

        return [name for name in field_groups() if name]

    return remembered("groups", make)


def _profiles(prefix: str, parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    from fpd_bench.config.completion_words import profiles
    from fpd_bench.config.sweeps.sweep_names import names

    return list(dict.fromkeys(name for file in _given_files(parsed_args) or names() for name in profiles(file)))


def _tags(prefix: str, parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    from fpd_bench.runs.folder.notes import known_tags

    return sorted(known_tags(getattr(parsed_args, "results", None) or Path("results")))


def _tracks(prefix: str, **_: Any) -> list[str]:
    from fpd_bench.registry import tracks

    return tracks.known()


def _detectors(prefix: str, **_: Any) -> list[str]:
    from fpd_bench.evals.geneval.detectors import BACKENDS

    return sorted(BACKENDS)


VALUES: dict[str, Names] = {  # by the name of an argument
    "file": _sweeps,
    "what": _sweeps_or_runs,
    "sweeps": _sweeps_and_overrides,
    "overrides": _overrides,
    "run": _runs,
    "other": _runs,
    "fields": _groups,
    "profile": _profiles,
    "tag": _tags,
    "track": _tracks,
    "detector": _detectors,
}
