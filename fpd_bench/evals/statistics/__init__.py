"""How sure a table may be of its numbers: one interval a row, one interval and one p a pair, and what follows.

Door: `score`, `set_metric_score`, `gap`, `compare`, `compare_set_metrics`; `p_of_claim`, `holm`, `judge_claim`,
`may_be_best`; `constant_level`, `sequential_p` and `over_looks` for declared looks; `power`, `floor`,
`published_worth`, `probability_of_win`.
It never reads a file and never loads torch. Why these rules, and how often they are wrong: docs/statistics.md.
"""

from fpd_bench.evals.statistics.best_set import may_be_best
from fpd_bench.evals.statistics.compare import Comparison, compare, compare_set_metrics, over_looks
from fpd_bench.evals.statistics.families import UNDECIDED, holm, judge_claim, p_of_claim
from fpd_bench.evals.statistics.interval import ALPHA, Estimate
from fpd_bench.evals.statistics.looks import constant_level, sequential_p
from fpd_bench.evals.statistics.new_seed import probability_of_win
from fpd_bench.evals.statistics.row_estimate import gap, score, set_metric_score
from fpd_bench.evals.statistics.score_table import Scores

__all__ = [
    "ALPHA",
    "UNDECIDED",
    "Comparison",
    "Estimate",
    "Scores",
    "compare",
    "compare_set_metrics",
    "constant_level",
    "gap",
    "holm",
    "judge_claim",
    "may_be_best",
    "over_looks",
    "p_of_claim",
    "probability_of_win",
    "score",
    "sequential_p",
    "set_metric_score",
]
