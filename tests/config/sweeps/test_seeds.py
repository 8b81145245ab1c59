"""Seeds of a sweep: a list, or looks at which more are added; what is neither is refused before anything runs."""

import pytest

from fpd_bench.config.sweeps.seeds import USUAL_LOOKS, Seeds, read_seeds
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.errors import ConfigError, FpdError

FILE = """
name: looks
seeds: {seeds}
tables:
  - id: a
    grid: ["estimator=soft,ste"]
    rows:
      - {{id: soft, label: Soft, where: {{estimator: soft}}}}
      - {{id: ste, label: STE, where: {{estimator: ste}}}}
    claims: [{{better: ste, worse: soft}}]
"""


@pytest.mark.parametrize(
    ("given", "numbers", "looks"),
    [
        ([3, 1, 2], (3, 1, 2), ()),
        ({"looks": [3, 5, 8]}, tuple(range(8)), (3, 5, 8)),
        ({"looks": [3, 5], "of": 5}, tuple(range(5)), (3, 5)),
        ({"looks": [3, 5, 8], "of": 16}, tuple(range(16)), (3, 5, 8, 16)),
        ({"looks": [2, 3], "of": [7, 9, 8]}, (7, 9, 8), (2, 3)),
        ({"until": "decided"}, tuple(range(USUAL_LOOKS[-1])), USUAL_LOOKS),
    ],
)
def test_what_is_written_is_what_is_trained(given, numbers, looks):
    assert read_seeds(given, "x.yaml") == Seeds(numbers, looks)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "seeds must be distinct whole numbers"),
        ([1, 1], "seeds must be distinct whole numbers"),
        ([2**70], "seeds must be distinct whole numbers"),
        ({}, "lacks 'looks'"),
        ({"looks": 3}, "increasing numbers of seeds, the first 2 or more, like [3, 5, 8]; got 3"),
        ({"looks": [1, 3]}, "increasing numbers of seeds, the first 2 or more"),
        ({"looks": [3, 3]}, "increasing numbers of seeds, the first 2 or more"),
        ({"looks": [3, "5"]}, "increasing numbers of seeds, the first 2 or more"),
        ({"looks": [True, 3]}, "increasing numbers of seeds, the first 2 or more"),
        ({"looks": [3, 5], "of": 4}, "at least 5, which the last look needs; got 4"),
        ({"looks": [3, 5], "of": 10**30}, "at least 5, which"),
        ({"looks": [2, 3], "of": [1, 1, 2]}, "distinct whole numbers"),
        ({"looks": [2, 3], "of": "all"}, "got 'all'"),
        ({"until": "tired"}, "expected {until: decided} and no other key; got"),
        ({"until": "decided", "of": 8}, "no other key"),
        ({"look": [3, 5]}, "Did you mean 'looks'?"),
    ],
)
def test_what_cannot_be_meant_is_refused(given, said):
    with pytest.raises(FpdError) as caught:
        read_seeds(given, "x.yaml")
    assert said in str(caught.value) and "x.yaml" in str(caught.value)


def test_the_cells_of_a_sweep_are_those_of_the_last_look(tmp_path):
    path = tmp_path / "looks.yaml"
    path.write_text(FILE.format(seeds="{looks: [2, 4]}"))
    sweep = load_sweep(path)
    assert sweep.looks == (2, 4) and sweep.seeds == (0, 1, 2, 3) and len(sweep.cells) == 8
    fixed = load_sweep(path, ["seeds=[5,6]"])
    assert fixed.looks == () and fixed.seeds == (5, 6)
    with pytest.raises(ConfigError, match="seeds must be whole numbers"):
        load_sweep(path, ["seeds=decided"])
