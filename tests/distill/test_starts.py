"""start.codes: the law of z_init's visible codes, on a real track, in training and in sampling alike."""

import pytest
import torch

from fpd_bench.config.check import check
from fpd_bench.config.compose import compose
from fpd_bench.config.identity import run_id
from fpd_bench.config.schema import LAWS, StartConfig
from fpd_bench.distill.drafting import draw_start
from fpd_bench.distill.starts import code_law
from fpd_bench.errors import UnknownName


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def shares(track, kind, n=6000):
    """Frequencies [K] of the visible codes of n starts."""
    tokens = draw_start(n, track, StartConfig(codes=kind), draw()).tokens
    visible = tokens[tokens < track.n_codes]
    return torch.bincount(visible, minlength=track.n_codes) / len(visible)


@pytest.mark.parametrize("kind", LAWS)
def test_the_visible_codes_follow_the_law(kind, small_track):
    law = code_law(small_track, kind)
    expected = torch.full((small_track.n_codes,), 1 / small_track.n_codes) if law is None else law.float()
    assert expected.sum().item() == pytest.approx(1)
    torch.testing.assert_close(shares(small_track, kind), expected, atol=0.012, rtol=0)


@pytest.mark.parametrize("kind", LAWS)
def test_as_many_tokens_are_masked_whatever_the_law(kind, small_track):
    config = StartConfig(codes=kind, r_init=0.5)
    first, again = (draw_start(3, small_track, config, draw()).tokens for _ in range(2))
    assert torch.equal(first, again) and ((first == small_track.n_codes).sum(1) == 8).all()


def test_unigram_is_how_often_real_images_have_a_code(small_track):
    codes = small_track.tokenizer.encode(small_track.real_images(600, draw(5)))
    real = torch.bincount(codes.flatten(), minlength=small_track.n_codes) / codes.numel()
    torch.testing.assert_close(code_law(small_track, "unigram").float(), real, atol=0.02, rtol=0)


def test_the_teachers_law_is_its_mean_when_all_is_masked(small_track):
    masked = torch.full((64, small_track.n_tokens), small_track.n_codes)
    with torch.no_grad():
        said = small_track.teacher(masked, small_track.draw_conditions(64, draw(5))).softmax(-1).mean((0, 1))
    law = code_law(small_track, "teacher").float()
    assert (law - said).abs().sum() < 0.1 < (law - 1 / small_track.n_codes).abs().sum()


def test_background_is_the_empty_patch_or_the_code_that_the_teacher_likes_best(small_track, monkeypatch):
    assert code_law(small_track, "background").nonzero().flatten().tolist() == [0]

    class Foreign:
        """A track that names no background."""

        n_tokens, n_codes = small_track.n_tokens, small_track.n_codes
        teacher, tokenizer, draw_conditions = small_track.teacher, small_track.tokenizer, small_track.draw_conditions

    best = int(code_law(small_track, "teacher").argmax())
    assert code_law(Foreign(), "background").nonzero().flatten().tolist() == [best]


def test_uniform_draws_what_it_always_has(small_track):
    tokens = draw_start(2, small_track, StartConfig(), draw()).tokens
    noise = torch.randint(small_track.n_codes, (2, 16), generator=draw())
    assert torch.equal(tokens[tokens < small_track.n_codes], noise[tokens < small_track.n_codes])


def test_old_runs_keep_their_ids_and_a_law_makes_a_new_one():
    assert run_id(compose([])) == run_id(compose(["start.codes=uniform"]))
    assert len({run_id(compose([f"start.codes={kind}"])) for kind in LAWS}) == len(LAWS)


def test_an_unknown_law_is_told(small_track):
    with pytest.raises(UnknownName, match="Unknown start.codes 'unigrams'. Did you mean 'unigram'?"):
        check(compose(["start.codes=unigrams"]))
    with pytest.raises(UnknownName, match="Did you mean 'teacher'?"):
        code_law(small_track, "teachers")
