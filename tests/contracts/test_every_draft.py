"""What every source of drafts promises: codes [B, L] -> codes [B, L] that exist, from its generator alone."""

import pytest
import torch

from fpd_bench.registry import drafts

NAMES = drafts.known()


def drawn(name, seed=0):
    codes = torch.arange(12).reshape(3, 4) % 7
    return drafts.get(name)()(codes, 7, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", NAMES)
def test_codes_of_the_same_shape_that_exist(name):
    codes = drawn(name)
    assert codes.shape == (3, 4) and codes.dtype == torch.int64
    assert codes.min() >= 0 and codes.max() < 7  # 7 would be the mask


@pytest.mark.parametrize("name", NAMES)
def test_the_generator_decides(name):
    assert torch.equal(drawn(name, 1), drawn(name, 1))


@pytest.mark.parametrize("name", NAMES)
def test_the_codes_given_are_left_alone(name):
    codes = torch.zeros(2, 3, dtype=torch.int64)
    drafts.get(name)()(codes, 7, torch.Generator().manual_seed(0))
    assert (codes == 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_it_says_whether_the_codes_are_the_students(name):
    given, source = torch.zeros(2, 3, dtype=torch.int64), drafts.get(name)()
    kept = torch.equal(source(given, 7, torch.Generator().manual_seed(0)), given)
    assert isinstance(source.of_student, bool) and kept is source.of_student
