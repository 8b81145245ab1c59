"""Row A minus row B: the one test and the one interval of a pair, whatever asks for them."""

from dataclasses import dataclass

from fpd_bench.errors import ConfigError
from fpd_bench.evals.statistics import crossed, row_estimate
from fpd_bench.evals.statistics.interval import Estimate
from fpd_bench.evals.statistics.mean import Mean
from fpd_bench.evals.statistics.score_table import Scores


@dataclass(frozen=True)
class Comparison:
    """A minus B, paired by seed, prompt and image. per_seed: the difference of each seed, in their order."""

    mean: Mean
    per_seed: tuple[float, ...]

    @property
    def difference(self) -> Estimate:
        """Give the difference and its interval, which excludes 0 exactly when p < .05."""
        return self.mean.interval()

    @property
    def p(self) -> float | None:
        """Compute the two-sided p of this comparison alone; None with one seed, which can show no verdict."""
        return self.against(0.0)

    def against(self, value: float) -> float | None:
        """Compute the two-sided p of the hypothesis that the difference is `value`; None with one seed."""
        return float(self.mean.p(value)) if len(self.per_seed) > 1 else None

    def turned(self) -> "Comparison":
        """Turn the comparison round: B minus A."""
        return Comparison(self.mean.negative(), tuple(-value for value in self.per_seed))


def compare(a: Scores, b: Scores, label: str = "the two rows") -> Comparison:
    """Compare A minus B on the same seeds, prompts and images. Raises ConfigError if they are not the same."""
    gap = a.minus(b, label)
    found = crossed.mean(gap.prompt_means, gap.weights, gap.strata)
    return Comparison(found, tuple(gap.per_seed.tolist()))


def compare_wholes(a: dict[int, float], b: dict[int, float], label: str = "the two rows") -> Comparison:
    """Compare A minus B of whole sets, {seed: number}. Raises ConfigError for other seeds, or fewer than two."""
    if a.keys() != b.keys() or len(a) < 2:
        raise ConfigError(f"{label}: numbers of whole sets are compared over two or more seeds, the same for both.")
    differences = [a[seed] - b[seed] for seed in sorted(a)]
    return Comparison(row_estimate.over_seeds(differences), tuple(differences))
