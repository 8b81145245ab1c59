"""Names of files and classes: each has one meaning, and says it."""

import ast
from collections import Counter
from pathlib import Path

import fpd_bench

PACKAGE = Path(fpd_bench.__file__).parent
VAGUE = set(
    "past phi parts needs verdict story view sources plan doors whole kinds told made shown blot said".split()
)  # fmt: skip


def files():
    return [path for path in PACKAGE.rglob("*.py") if not path.stem.startswith("__")]


def definitions(kind):
    for path in PACKAGE.rglob("*.py"):
        yield from (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kind))


def repeated(names):
    return [name for name, count in Counter(names).items() if count > 1]


def test_no_two_files_have_one_name_but_those_that_every_track_has():
    assert not repeated(path.stem for path in files() if path.parent.parent.name != "tracks")


def test_no_two_classes_have_one_name():
    assert not repeated(node.name for node in definitions(ast.ClassDef))


def test_no_file_class_or_function_is_called_by_a_word_that_explains_nothing():
    functions = {node.name for node in definitions(ast.FunctionDef | ast.ClassDef)}
    names = {name.strip("_").lower() for name in functions} | {path.stem for path in files()}
    assert names & VAGUE <= {"verdict"}  # what runs say of a claim: docs/concepts.md
