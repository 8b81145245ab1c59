"""What a report says of a table, as plain dataclasses between the computation and the writers."""

from dataclasses import dataclass, field
from statistics import stdev

from fpd_bench.errors import UnknownName
from fpd_bench.evals.diversity import FLOOR
from fpd_bench.evals.statistics import Comparison, Estimate, Scores
from fpd_bench.evals.statistics.published_worth import Worth
from fpd_bench.records.run_status import has_result

COLLAPSED = "collapsed"  # a row below FLOOR of its teacher's diversity, and the verdict on a claim that it would win
VERDICTS = ("reproduced", "contradicted", "undecided", COLLAPSED)  # of a claim that has been tested


@dataclass(frozen=True)
class SeedResult:
    """One run of a row. status: as in the index, or 'missing'; score: None unless done."""

    seed: int
    run_id: str
    status: str
    score: float | None = None


@dataclass(frozen=True)
class Novelty:
    """A row on prompts with compositions that training never showed, and on the others of the same tasks."""

    novel: Estimate
    known: Estimate
    gap: Estimate  # novel minus known
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class TrainingCost:
    """Of a row's training. batch: samples a step; parameters that it trains and FLOPs of a step, as counted; seconds of
    a step and peak memory, as measured. None where nobody has counted or measured."""

    steps: int
    batch: int
    parameters: int | None
    flops: float | None
    seconds: float | None
    memory_gb: float | None


@dataclass
class RowResult:
    """One row. `score` and what follows are None or empty unless all its seeds are done on equal images."""

    id: str
    label: str
    published: float | None
    seeds: list[SeedResult]
    state: str = "ok"  # ok | missing (k of n: ...) | diverged (k of n) | unequal images | published only | ...
    scores: Scores | None = None
    score: Estimate | None = None
    tasks: dict[str, Estimate] = field(default_factory=dict)
    novelty: Novelty | None = None  # None for suites whose items do not say what is novel
    delta: Comparison | None = None  # to the baseline row
    published_delta: float | None = None
    best: bool = False  # may be the best row (statistics.may_be_best)
    kept: float | None = None  # share of the teacher's 16-step score
    protocol: str | None = None  # id, of a number of all images together
    counted: int = 0  # images behind such numbers
    drawn: list[float] = field(default_factory=list)  # SD of such a number if a run's images were drawn anew, by run
    numbers: dict[str, float] = field(default_factory=dict)  # all that the paper gives, by metric
    extra_columns: dict[str, str] = field(default_factory=dict)  # {column: text} that the sweep's file adds
    diversity: dict[str, Estimate] = field(default_factory=dict)  # how much pictures of a prompt differ, by metric
    variety: float | None = None  # share of the teacher's diversity
    cost: TrainingCost | None = None  # where the table compares costs

    @property
    def collapsed(self) -> bool:
        """Say whether it keeps less than half of its teacher's diversity."""
        return self.variety is not None and self.variety < FLOOR

    @property
    def images(self) -> int:
        """Count the images behind the score, all seeds together."""
        return self.counted if self.scores is None else self.scores.values.size

    @property
    def spread(self) -> float | None:
        """Give the standard deviation of the score over seeds; None for fewer than two."""
        if self.protocol and len(self.seeds) > 1:
            return stdev(seed.score for seed in self.seeds if seed.score is not None)
        if self.scores is None or len(self.scores.seeds) < 2:
            return None
        return float(self.scores.per_seed.std(ddof=1))


@dataclass(frozen=True)
class Outlook:
    """Beside a verdict. wins: seeds in which the better row was better; new_seed: the probability of it on a new one.

    at_published, at_observed: seeds that decide the claim with 80% power if the true difference is that; inf = more
    than 200, nan = decided, or nothing published. worth: of the published difference, one run each, at our spread.
    """

    wins: int
    new_seed: Estimate | None
    at_published: float
    at_observed: float
    worth: Worth | None


@dataclass(frozen=True)
class Floor:
    """The noise of a table, in its metric's units: SD over seeds, and of drawing a run's images anew.

    With `seeds` and a family of `claims`, differences from `observable` on are decided, and true ones of `detectable`
    in 80% of tables.
    """

    seed_sd: float | None
    sampling_sd: float | None
    seeds: int = 0
    claims: int = 0
    observable: float | None = None
    detectable: float | None = None


@dataclass(frozen=True)
class ClaimResult:
    """A claim of the paper, and what our runs say of it.

    margin: how much worse 'no worse than' allows; p: against no difference, or against the margin; p_holm: adjusted
    over the claims of the table. verdict: reproduced | contradicted | undecided | collapsed | not tested.
    """

    text: str
    better: str
    worse: str
    published: float | None
    margin: float
    ours: Comparison | None
    p: float | None
    p_holm: float | None
    verdict: str
    outlook: Outlook | None = None
    decided_at: int | None = None  # seeds at the look that decided it, where a sweep has looks


@dataclass(frozen=True)
class TableFigure:
    """A figure of a table. kind: what it shows, in one word, for file names and style sheets; path: of its PNG,
    relative to the report's folder."""

    kind: str
    caption: str
    path: str


@dataclass
class TableResult:
    """One table of a sweep, ready to be written."""

    name: str
    title: str
    caption: str
    metric: str
    profile: str
    suite: str | None
    baseline: str | None
    rows: list[RowResult]
    claims: list[ClaimResult]
    content: str  # hash of the runs behind it
    teacher: float | None = None
    teacher_diversity: dict[str, float] = field(default_factory=dict)
    front: str = ""  # the column of words that names the methods of a quality-diversity front
    floor: Floor | None = None
    notes: list[str] = field(default_factory=list)
    columns: tuple[str, ...] = ()  # of the main table that are wanted, in their order; () for all
    looks: tuple[int, ...] = ()  # numbers of seeds at which the rows are compared, () if once
    seeds: tuple[int, ...] = ()  # of the sweep, in the order in which looks take them
    unfinished: int = 0  # runs that are asked for by now and have no result

    @property
    def comparable(self) -> bool:
        """Say whether ours and published come from the same bench, so that their difference means something."""
        return self.profile == "paper"

    @property
    def done(self) -> tuple[int, int]:
        """Count the runs that are finished (done or diverged), and all."""
        runs = {seed.run_id: seed.status for row in self.rows for seed in row.seeds}
        return sum(has_result(status) for status in runs.values()), len(runs)

    def row(self, row_id: str) -> RowResult:
        """Find the row with this id. Raises UnknownName."""
        for row in self.rows:
            if row.id == row_id:
                return row
        raise UnknownName("row", row_id, [row.id for row in self.rows], f"table {self.name}")
