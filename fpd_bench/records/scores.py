"""What the scores of a run mean together: the means of its tasks, `overall`, and the protocol behind a number."""

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any


def task_means(scored: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Average the scores of a run's images within each task, from (task, score); sorted by task."""
    scores: dict[str, list[float]] = defaultdict(list)
    for task, score in scored:
        scores[task].append(score)
    return {task: math.fsum(values) / len(values) for task, values in sorted(scores.items())}


def overall(means: Collection[float]) -> float:
    """Average the task means plainly, however many images each task has (GenEval's rule). At least one is needed."""
    return math.fsum(means) / len(means)


def protocol_id(protocol: dict[str, Any]) -> str:
    """Give 12 hex digits of all that decides whether two numbers may be compared; the reference's file name does not.

    Numbers of different ids must not be ranked together.
    """
    meaning = {key: value for key, value in protocol.items() if key != "reference"}
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:12]
