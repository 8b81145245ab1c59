"""What every method promises: one interface, finite gradients, and the same numbers again, also after a restart."""

import io

import pytest
import torch

from fpd_bench.config.check import check
from fpd_bench.config.compose import compose
from fpd_bench.config.fields import assign, choices, leaf, leaves, value
from fpd_bench.config.identity import reads, run_id
from fpd_bench.distill.method import new_student
from fpd_bench.distill.trainer import train
from fpd_bench.distill.work import Cost, Networks
from fpd_bench.errors import ConfigError
from fpd_bench.registry import methods
from tests.contracts.conftest import SMALL

NAMES = [name for name in methods.known() if methods.declaration(name).trains]
ADVERSARIAL = ["gan.weight=0.1", "optim.batch=4"]
VARIANTS = [(name, []) for name in NAMES] + [
    ("fpd", ["estimator=soft"]),
    ("fpd", ["draft=random"]),
    ("fpd", ["estimator=soft", "draft=random"]),
]
WITH_STATE = [(name, []) for name in NAMES] + [("fpd", ADVERSARIAL)]


def label(value):
    return value if isinstance(value, str) else "+".join(value) or "plain"


@pytest.mark.parametrize(("name", "extra"), VARIANTS, ids=label)
def test_a_step_leaves_a_finite_gradient_that_is_not_zero(name, extra, setup):
    row, gradient = setup(f"method={name}", *extra).step()
    assert torch.isfinite(gradient).all() and gradient.abs().sum() > 0
    assert all(isinstance(value, float) and value == value for value in row.values()), row
    assert "loss" in row and any(key.startswith("seconds/") for key in row)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_added_to_what_is_there(name, setup):
    once, twice = setup(f"method={name}"), setup(f"method={name}")
    _, gradient = once.backward()
    for parameter in twice.student.parameters():
        parameter.grad = torch.ones_like(parameter)
    twice.optimizer.zero_grad = lambda: None
    _, sum_of_both = twice.backward()
    torch.testing.assert_close(sum_of_both, gradient + 1, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_equal_seeds_give_equal_steps_and_other_seeds_do_not(name, setup):
    first, second, other = (setup(f"method={name}", f"seed={seed}") for seed in (0, 0, 1))
    for _ in range(2):
        gradients = [each.step()[1] for each in (first, second, other)]
        assert torch.equal(gradients[0], gradients[1])
    assert not torch.equal(gradients[0], gradients[2])


@pytest.mark.parametrize(("name", "extra"), WITH_STATE, ids=label)
def test_a_restored_method_takes_the_same_next_step(name, extra, setup):
    overrides = [f"method={name}", *extra]
    original, restored = setup(*overrides), setup(*overrides)
    original.step()
    file = io.BytesIO()
    parts = ("student", "method", "streams")
    torch.save({part: getattr(original, part).state_dict() for part in parts}, file)
    file.seek(0)
    state = torch.load(file, weights_only=True)  # a checkpoint holds tensors and numbers, no code
    for part in parts:
        getattr(restored, part).load_state_dict(state[part])
    (row, gradient), (again, same) = original.step(), restored.step()
    assert torch.equal(gradient, same)
    assert {k: v for k, v in row.items() if "seconds" not in k} == {
        k: v for k, v in again.items() if "seconds" not in k
    }
    torch.testing.assert_close(original.method.state_dict(), restored.method.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_the_teacher_never_changes(name, setup, small_track):
    before = [value.clone() for value in small_track.teacher.state_dict().values()]
    setup(f"method={name}").step()
    assert all(torch.equal(a, b) for a, b in zip(before, small_track.teacher.state_dict().values(), strict=True))
    assert all(parameter.grad is None for parameter in small_track.teacher.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_it_says_whether_it_trains_a_second_network(name, setup):
    method = setup(f"method={name}").method
    assert methods.declaration(name).auxiliary == ("optimizer" in method.state_dict())


@pytest.mark.parametrize(("name", "extra"), [*VARIANTS, ("fpd", ["gan.weight=0.1"])], ids=label)
@pytest.mark.parametrize("size", [2, 3])
def test_micro_batches_change_the_memory_and_not_the_gradient(size, name, extra, setup):
    row, whole = setup(f"method={name}", *extra).backward()
    again, pieces = setup(f"method={name}", f"execution.micro_batch={size}", *extra).backward()
    assert again["loss"] == pytest.approx(row["loss"], rel=1e-4)
    torch.testing.assert_close(pieces, whole, rtol=1e-3, atol=1e-4 * float(whole.abs().max()))


@pytest.mark.parametrize("name", NAMES)
def test_processes_that_cannot_share_its_batch_are_refused_before_work(name):
    config = compose([*SMALL, f"method={name}", "execution.processes=2"])
    if methods.declaration(name).data_parallel:
        check(config)  # tests/distill/test_parallel.py trains it on two
    else:
        with pytest.raises(ConfigError, match=f"method={name} cannot share a batch among processes"):
            check(config)


@pytest.mark.parametrize("name", NAMES)
def test_it_tells_what_a_step_costs(name):
    one = Cost(forward=100.0, backward=200.0, kept=30.0, alive=20.0)
    networks = Networks(one, one, one, Cost(), Cost(), tokens=4, codes=8)
    work = methods.get(name).cost(compose([*SMALL, f"method={name}"]), networks)
    pieces = methods.get(name).cost(compose([*SMALL, f"method={name}", "execution.micro_batch=2"]), networks)
    assert min(work.flops.values()) >= 0 and work.flops["student"] >= one.forward + one.backward
    assert sum(pieces.flops.values()) >= sum(work.flops.values()) and work.noise >= 0 and work.graph >= one.kept
    if methods.declaration(name).auxiliary:
        assert work.flops["auxiliary"] >= one.forward + one.backward


@pytest.mark.parametrize(("name", "extra"), [*VARIANTS, ("fpd", ADVERSARIAL)], ids=label)
def test_what_it_does_not_declare_to_read_changes_nothing(name, extra, setup):
    """All undeclared fields set to other values at once: the same gradients and weights, bit for bit."""
    plain, changed = setup(f"method={name}", *extra), setup(f"method={name}", *extra)
    unread = set(leaves()) - reads(plain.config)
    for field in unread:
        if not field.startswith("execution."):
            assign(changed.config, field, other_value(field, value(changed.config, field)))
    assert run_id(plain.config) == run_id(changed.config) and len(unread) > 20
    built = methods.get(name)(changed.config, changed.track, changed.streams)
    changed.method = built
    for _ in range(2):
        (_, gradient), (_, same) = plain.step(), changed.step()
        assert torch.equal(gradient, same)
    torch.testing.assert_close(plain.method.state_dict(), built.state_dict(), rtol=0, atol=0)


def other_value(field, found):
    """A value of the same type that is another one."""
    words = [word for word in choices(field) if word != found]
    if words:
        return words[0]
    if isinstance(found, bool):
        return not found
    if isinstance(found, list):
        return [1.0, 3.0] if leaf(field).type == list[float] else [1, 2]
    return f"{found}x" if isinstance(found, str) else found + 1


class Memory:
    """A recorder that keeps everything."""

    def __init__(self):
        self.rows, self.states, self.pictures = [], {}, {}

    def log(self, row):
        self.rows.append(row)

    def picture(self, step, images):
        self.pictures[step] = images

    def save(self, step, state):
        self.states[step] = state

    def load(self):
        return None

    def progress(self, step, steps): ...

    def should_stop(self):
        return False


@pytest.mark.parametrize(("name", "extra"), [*VARIANTS, ("fpd", ADVERSARIAL)], ids=label)
def test_the_trainer_carries_it_to_its_end(name, extra, setup, small_track):
    memory = Memory()
    config = setup(f"method={name}", "optim.steps=2", "execution.grid_every=2", *extra).config
    weights = train(config, small_track, memory)
    assert [row["step"] for row in memory.rows] == [1, 2] and list(memory.states) == [2]
    assert list(memory.pictures) == [0, 2]
    assert all(torch.isfinite(value).all() for value in weights.values())
    start = new_student(config, small_track).state_dict()
    assert set(weights) == {*start, *(f"raw.{key}" for key in start)}
    moved = [key for key in start if not torch.equal(weights[f"raw.{key}"], start[key])]
    assert any(key.endswith("head.weight") for key in moved)
