"""The benchmark of repairs drafts as a student is sampled: by every field of `start`."""

import runpy
from pathlib import Path

import pytest
import torch

from fpd_bench.config.schema import StartConfig

SCRIPT = Path(__file__).parent.parent / "benchmarks/repair_chain.py"
OTHERS = [
    {"r_init": 0.3}, {"embedding_noise": 0.9}, {"temperature": 3.0}, {"sampling": "gumbel"}, {"sampling": "argmax"},
    {"top_k": 1}, {"top_p": 0.1},
]  # fmt: skip


@pytest.fixture(scope="module")
def drafted(small_track):
    draft = runpy.run_path(str(SCRIPT))["draft"]
    condition = small_track.suite("validation").condition

    def codes(**fields):
        start = StartConfig(**{"r_init": 0.9, "temperature": 1.0, **fields})
        return draft(small_track, condition, small_track.teacher, start, torch.Generator().manual_seed(0))

    return codes


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_every_field_of_the_start_changes_the_draft(drafted, other):
    assert not torch.equal(drafted(**other), drafted())


def test_one_candidate_is_the_likeliest(drafted):
    assert torch.equal(drafted(top_k=1), drafted(sampling="argmax"))
