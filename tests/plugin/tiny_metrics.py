"""A metric of another package: how bright a run's images are, all together; less is better. Needs no torch."""

from fpd_bench.metrics import Metric

GLARE = Metric("glare", "Glare", ("dusk",), of_set=True, lower_is_better=True, digits=1)
