"""Lines of a run's files -> rows of the index: attempts, thinned training curves, items and their metrics."""

import math
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from fpd_bench.metrics import OVERALL
from fpd_bench.records import layout, scores
from fpd_bench.records.run_status import ENDINGS

SERIES_POINTS = 200  # per run and name: enough for a curve

_PLAIN = (str, int, bool, type(None))

Row = dict[str, Any]


def attempt_rows(folder: Path, events: list[Row]) -> list[Row]:
    """Make one row per attempt: its record and how its events say it began and ended."""
    numbers = layout.attempt_numbers(folder)
    records = {n: layout.read_json(folder / layout.ATTEMPTS / f"{n}.json") or {} for n in numbers}
    by_attempt: dict[int, list[Row]] = defaultdict(list)
    for event in events:
        if event.get("attempt") is not None:
            by_attempt[event["attempt"]].append(event)
    rows = []
    for n in sorted(records.keys() | by_attempt.keys()):
        began = next((event for event in by_attempt[n] if event.get("kind") == "attempt_started"), {})
        end = next((event for event in reversed(by_attempt[n]) if event.get("kind") in ENDINGS), {})
        record = records.get(n, {})
        host = record.get("host")
        rows.append(
            {
                "n": n,
                "host": host if isinstance(host, str) else None,
                "started": began.get("time"),
                "ended": end.get("time"),
                "reason": end.get("kind"),
                "failure_class": end.get("failure_class"),
                "message": _without_zeros(end.get("message")),
                "traceback": _without_zeros(end.get("traceback")),
                "record": without_nan(record),
            }
        )
    return rows


def _without_zeros(value: Any) -> str | None:
    """Strip the one character that PostgreSQL refuses in text."""
    return None if value is None else str(value).replace("\0", "")


def series_rows(log: list[Row]) -> list[Row]:
    """Take at most SERIES_POINTS of each number, evenly spaced, first and last kept; a repeated step counts last."""
    curves: dict[str, dict[int, float]] = defaultdict(dict)
    for row in log:
        if row.get("step") is None:
            continue
        for name, value in row.items():
            if name not in ("step", "time") and isinstance(value, int | float) and _fits_column(value):
                curves[name][row["step"]] = float(value)
    return [
        {"name": name, "step": step, "value": curve[step]}
        for name, curve in sorted(curves.items())
        for step in _thin(sorted(curve))
    ]


def _fits_column(value: float) -> bool:
    """Say whether it is a number that a column of floats can hold; 10**400 is none."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _thin(steps: list[int]) -> list[int]:
    if len(steps) <= SERIES_POINTS:
        return steps
    return [steps[round(i * (len(steps) - 1) / (SERIES_POINTS - 1))] for i in range(SERIES_POINTS)]


def item_rows(path: Path) -> list[Row]:
    """Make one row per image of eval/<suite>.jsonl.

    Raises KeyError, TypeError or ValueError for a line that is not of that form, or is there twice.
    """
    rows: list[Row] = []
    positions: dict[str, int] = {}
    seen: set[tuple[str, int]] = set()
    suite = path.stem
    for line in layout.read_jsonl(path):
        if "metric" in line:
            continue
        item, replicate = str(line["item"]), int(line["replicate"])
        if (item, replicate) in seen:
            raise ValueError(f"item {item}, replicate {replicate} appears twice")
        seen.add((item, replicate))
        rows.append(
            {
                "suite": suite,
                "item_id": item,
                "replicate": replicate,
                "position": positions.setdefault(item, len(positions)),
                "task": str(line["task"]),
                "prompt": str(line["prompt"]),
                "score": _finite_number(line["score"]),
                "detail": without_nan(line.get("detail")),
            }
        )
    return rows


def _finite_number(value: Any) -> float:
    """Give a finite number. Raises ValueError: NaN would spoil every mean, and databases take none."""
    if not math.isfinite(float(value)):
        raise ValueError(f"{value!r} is not a score")
    return float(value)


def metric_rows(suite: str, scored: list[Row]) -> list[Row]:
    """Average each task over its images, and add `overall`, the plain mean of the task means (GenEval's rule)."""
    means = scores.task_means((item["task"], item["score"]) for item in scored)
    images = Counter(item["task"] for item in scored)
    rows = [{"suite": suite, "metric": task, "value": mean, "n": images[task]} for task, mean in means.items()]
    if means:
        overall = scores.overall(means.values())
        rows.append({"suite": suite, "metric": OVERALL, "value": overall, "n": len(scored)})
    return rows


def set_metric_rows(path: Path) -> tuple[list[Row], list[Row]]:
    """Make rows of `metrics` and `protocols` from the numbers of all images together in eval/<suite>.jsonl.

    Raises KeyError or ValueError as `items`.
    """
    lines = [line for line in layout.read_jsonl(path) if "metric" in line]
    keys = [{"suite": path.stem, "metric": str(line["metric"])} for line in lines]
    values = [{"value": float(line["value"]), "n": int(line["n"])} for line in lines]
    protocols = [key | {"protocol": without_nan(line["protocol"])} for key, line in zip(keys, lines, strict=True)]
    return [key | value for key, value in zip(keys, values, strict=True)], protocols


def without_nan(value: Any) -> Any:
    """Turn NaN and infinities into None: PostgreSQL's JSON has no word for them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: part if type(part) in _PLAIN else without_nan(part) for key, part in value.items()}
    if isinstance(value, list):
        return [part if type(part) in _PLAIN else without_nan(part) for part in value]
    return value
