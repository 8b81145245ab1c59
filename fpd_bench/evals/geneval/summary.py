"""GenEval's summary of results: the text it prints, and the same numbers as a dictionary.

A result row is a mapping with at least tag, correct and metadata (any string that is equal for images of one prompt).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fpd_bench.errors import ConfigError
from fpd_bench.records.scores import overall


@dataclass(frozen=True)
class Summary:
    """Counts over all images. tasks: task -> (right images, images), in order of first appearance."""

    images: int
    correct_images: int
    prompts: int
    correct_prompts: int  # prompts with at least one right image
    tasks: dict[str, tuple[int, int]]

    @property
    def overall(self) -> float:
        """Average the task accuracies plainly, however many images each has."""
        return overall([right / n for right, n in self.tasks.values()])

    def as_dict(self) -> dict[str, Any]:
        """Give {"overall", "tasks": {task: accuracy}, "images", "prompts", "correct_images", "correct_prompts"}."""
        return {
            "overall": self.overall,
            "tasks": {task: right / n for task, (right, n) in self.tasks.items()},
            "images": self.images,
            "prompts": self.prompts,
            "correct_images": self.correct_images / self.images,
            "correct_prompts": self.correct_prompts / self.prompts,
        }

    def text(self) -> str:
        """Write what GenEval's summary script prints, character for character."""
        lines = [
            "Summary",
            "=======",
            f"Total images: {self.images}",
            f"Total prompts: {self.prompts}",
            f"% correct images: {self.correct_images / self.images:.2%}",
            f"% correct prompts: {self.correct_prompts / self.prompts:.2%}",
            "",
            "Task breakdown",
            "==============",
            *(f"{task:<16} = {right / n:.2%} ({right} / {n})" for task, (right, n) in self.tasks.items()),
            "",
            f"Overall score (avg. over tasks): {self.overall:.5f}",
        ]
        return "\n".join(lines) + "\n"


def summarise(rows: Sequence[Mapping[str, Any]]) -> Summary:
    """Count result rows. Raises ConfigError if there are none."""
    if not rows:
        raise ConfigError("There are no results to summarise. Score some images first.")
    tasks: dict[str, tuple[int, int]] = {}
    prompts: dict[str, bool] = {}
    for row in rows:
        right, n = tasks.get(row["tag"], (0, 0))
        tasks[row["tag"]] = (right + bool(row["correct"]), n + 1)
        prompts[row["metadata"]] = prompts.get(row["metadata"], False) or bool(row["correct"])
    return Summary(len(rows), sum(bool(r["correct"]) for r in rows), len(prompts), sum(prompts.values()), tasks)
