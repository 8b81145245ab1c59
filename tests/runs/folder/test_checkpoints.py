"""Checkpoints: two are kept, a damaged one is passed over with a warning, only tensors and plain values are read."""

import pytest
import torch

from fpd_bench.runs.folder import checkpoints


@pytest.fixture
def saved(tmp_path):
    for step in (5, 10, 15):
        checkpoints.save(tmp_path, step, {"step": step, "weights": torch.full((3,), float(step))})
    return tmp_path


def load(folder):
    warnings = []
    return checkpoints.load(folder, warnings.append), warnings


def test_the_newest_two_are_kept_and_the_newest_is_loaded(saved):
    assert checkpoints.steps(saved) == [10, 15]
    assert sorted(path.name for path in saved.iterdir()) == [
        "step_10.pt", "step_10.sha256", "step_15.pt", "step_15.sha256",
    ]  # fmt: skip
    (step, state), warnings = load(saved)
    assert (step, state["weights"].tolist(), warnings) == (15, [15.0] * 3, [])


@pytest.mark.parametrize("damage", ["cut", "flip", "no hash", "empty"])
def test_a_damaged_one_is_passed_over_and_said_so(saved, damage):
    path = saved / "step_15.pt"
    data = path.read_bytes()
    if damage == "no hash":  # killed between the checkpoint and its hash
        path.with_suffix(".sha256").unlink()
    else:
        middle = len(data) // 2
        flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        path.write_bytes({"cut": data[:100], "flip": flipped, "empty": b""}[damage])
    (step, _), warnings = load(saved)
    assert step == 10
    assert len(warnings) == 1 and "step_15.pt" in warnings[0] and "using an older one" in warnings[0]


def test_without_a_sound_one_training_starts_anew(saved):
    for path in saved.glob("*.pt"):
        path.write_bytes(b"")
    found, warnings = load(saved)
    assert (found, len(warnings)) == (None, 2)
    assert load(saved / "none") == (None, [])


def test_a_pickle_that_runs_code_is_not_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return (print, ("sprung",))

    checkpoints.save(tmp_path, 1, {"step": 1})
    checkpoints.save(tmp_path, 2, {"step": 2, "trap": Trap()})
    (step, _), warnings = load(tmp_path)
    assert step == 1 and "would run code" in warnings[0] and "weights_only" not in warnings[0]


def test_a_disk_that_is_full_leaves_the_older_checkpoints(saved, monkeypatch):
    def full(state, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        checkpoints.save(saved, 20, {})
    assert checkpoints.steps(saved) == [10, 15]
    assert not list(saved.glob(".*"))
