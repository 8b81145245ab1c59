"""Prompts that somebody else wrote down: what a row asks for, whatever order its keys have and whatever is beside."""

import json
from pathlib import Path
from typing import Any

from fpd_bench.errors import AssetError
from fpd_bench.evals.geneval.prompt_grammar import RELATIONS, Row
from fpd_bench.files.text import parse, read_text


def as_row(found: Any, where: str) -> Row:
    """Bring a row's keys into GenEval's order, without keys that GenEval does not read. Raises AssetError."""
    try:
        if not isinstance(found, dict):
            raise ValueError(f"it is a {type(found).__name__}")
        include, exclude = (_clauses(found, name) for name in ("include", "exclude"))
        if not include and not exclude:
            raise ValueError("it asks for nothing (no include, no exclude)")
        row: Row = {"tag": _text(found, "tag"), "include": include}
        return {**row, **({"exclude": exclude} if exclude else {}), "prompt": _text(found, "prompt")}
    except ValueError as error:
        raise AssetError(
            f"{where} is not a row of GenEval: {error}. A row is one JSON object like "
            '{"tag": "counting", "include": [{"class": "cat", "count": 2}], "prompt": "a photo of two cats"}.'
        ) from error


def key(row: Row) -> str:
    """Give a text that is equal for rows that ask for the same."""
    return json.dumps(as_row(row, "This row"))


def read_row(path: Path) -> Row:
    """Read the one row that a folder's metadata.jsonl holds. Raises AssetError."""
    return as_row(parse(read_text(path), f"'{path}'"), f"'{path}'")


def read_rows(path: Path) -> list[Row]:
    """Read the rows of a metadata file, one JSON document a line. Raises AssetError."""
    lines = [(n, line) for n, line in enumerate(read_text(path).split("\n"), 1) if line.strip()]
    if not lines:
        raise AssetError(f"'{path}' holds no prompts.")
    places = [(line, f"Line {n} of '{path}'") for n, line in lines]
    return [as_row(parse(line, place), place) for line, place in places]


def _clauses(found: dict[str, Any], name: str) -> list[Row]:
    clauses = found.get(name) or []
    if not isinstance(clauses, list) or not all(isinstance(clause, dict) for clause in clauses):
        raise ValueError(f"{name} must be a list of objects; got {clauses!r:.60}")
    return [_clause(clause) for clause in clauses]


def _clause(found: dict[str, Any]) -> Row:
    count = found.get("count")
    if isinstance(count, bool) or not isinstance(count, int | float) or count != int(count) or count < 1:
        raise ValueError(f"count must be a whole number from 1; got {count!r:.60}")
    clause: Row = {"class": _text(found, "class"), "count": int(count)}
    if found.get("color") is not None:
        clause["color"] = _text(found, "color")
    if found.get("position") is not None:
        clause["position"] = _position(found["position"])
    return clause


def _position(found: Any) -> list[Any]:
    right = isinstance(found, list) and len(found) == 2 and found[0] in RELATIONS
    if not right or isinstance(found[1], bool) or not isinstance(found[1], int) or found[1] < 0:
        raise ValueError(
            f"position must be one of {', '.join(RELATIONS)} and the number of the clause it refers to, such as "
            f'["left of", 0]; got {found!r:.60}'
        )
    return list(found)


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} must be a text; got {value!r:.60}")
    return value
