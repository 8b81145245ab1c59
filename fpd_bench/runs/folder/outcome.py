"""How an attempt at a run ended, as one process tells it to another. Needs no torch."""

from dataclasses import dataclass

from fpd_bench.records.status import has_result


@dataclass(frozen=True)
class Outcome:
    """status: done | diverged (a result, too) | interrupted | failed | busy (another process has the run)."""

    run_id: str
    status: str
    message: str = ""

    @property
    def finished(self) -> bool:
        """Whether the run has its result."""
        return has_result(self.status)
