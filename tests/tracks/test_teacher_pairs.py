"""Pairs from a teacher: kept by content, a prefix of any longer list, made again when torn."""

import pytest
import torch

from fpd_bench.tracks import pairs
from fpd_bench.tracks.pairs import teacher_pairs


@pytest.fixture
def sampled(small_track, monkeypatch):
    """Counts the images that the teacher samples."""
    monkeypatch.setattr(pairs, "SHARD", 4)
    count, sample = [], type(small_track).teacher_sample

    def counting(self, condition, *rest):
        count.append(len(condition))
        return sample(self, condition, *rest)

    monkeypatch.setattr(type(small_track), "teacher_sample", counting)
    return count


def test_they_are_what_the_teacher_draws_and_are_sampled_once(small_track, sampled, tmp_path):
    codes, condition = teacher_pairs(small_track, 6, 0, steps=2, cache=tmp_path)
    assert codes.shape == (6, small_track.n_tokens) and codes.dtype == torch.long and len(condition) == 6
    assert sum(sampled) == 8
    again, same = teacher_pairs(small_track, 6, 0, steps=2, cache=tmp_path)
    assert sum(sampled) == 8 and torch.equal(codes, again) and condition.texts == same.texts
    more, longer = teacher_pairs(small_track, 10, 0, steps=2, cache=tmp_path)
    assert sum(sampled) == 12 and torch.equal(more[:6], codes) and longer.texts[:6] == condition.texts


def test_seed_steps_and_teacher_name_other_pairs(small_track, sampled, tmp_path, monkeypatch):
    def draw(seed, steps):
        return teacher_pairs(small_track, 4, seed, steps, tmp_path)[0]

    first = draw(0, 2)
    assert not torch.equal(first, draw(1, 2)) and not torch.equal(first, draw(0, 1))
    monkeypatch.setattr(small_track, "assets", {"other": "0" * 64})
    draw(0, 2)
    assert sum(sampled) == 16 and len(list(tmp_path.iterdir())) == 4


def test_a_torn_file_is_sampled_again(small_track, sampled, tmp_path):
    codes, _ = teacher_pairs(small_track, 4, 0, 2, tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:40])
    again, _ = teacher_pairs(small_track, 4, 0, 2, tmp_path)
    assert torch.equal(codes, again) and sum(sampled) == 8
