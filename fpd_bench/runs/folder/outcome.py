"""How an attempt at a run ended, as one process tells it to another. Needs no torch."""

from dataclasses import dataclass

from fpd_bench.records.run_status import has_result


@dataclass(frozen=True)
class Outcome:
    """status: done | diverged (a result, too) | interrupted | failed | busy (another process has the run) | waiting
    (it is yet to be submitted).

    failure_class: of a failed one, see failures.py; message: for people, never to be read by a program.
    """

    run_id: str
    status: str
    message: str = ""
    failure_class: str = ""

    @property
    def finished(self) -> bool:
        """Say whether the run has its result."""
        return has_result(self.status)

    @property
    def words(self) -> str:
        """Return status, failure class and message, for a line on the screen."""
        kind = f"{self.failure_class}:" if self.failure_class else ""
        return " ".join(f"{self.status} {kind} {self.message}".split())
