"""Switches of how a training computes: bf16, activation checkpointing, torch.compile; for every method and network."""

import pytest
import torch

from fpd_bench.config.compose import compose
from fpd_bench.config.identity import run_id
from fpd_bench.distill.refinement import refine
from fpd_bench.distill.trainer import Training
from fpd_bench.errors import UnknownName
from fpd_bench.models.compute import computing, network_entry, run_block

SMALL = [
    "track.preset=coarse", "optim.steps=2", "optim.batch=8", "optim.warmup=0", "optim.samples_per_condition=4",
    "drift.blocks=[1,2]", "execution.grid_every=0",
]  # fmt: skip
METHODS = [
    ["estimator=ste", "gan.weight=1"],
    ["estimator=soft", "execution.micro_batch=4"],
    ["method=dimo", "execution.micro_batch=4"],
    ["start.embedding_noise=0.2", "start.sampling=gumbel", "drift.memory=12", "execution.micro_batch=4"],
]
PIXELS = ["drift.space=pixel", "drift.blocks=[]", "drift.grid=4"]  # without the backbone, whose compilation takes long
RECOMPUTE, COMPILE = "execution.activation_checkpointing=true", "execution.compile=true"


def first_step(track, *overrides):
    """(gradient of the first step, its row, the method's own weights after it)."""
    training = Training(compose([*SMALL, *overrides]), track)
    step, kept = training.optimizer.step, []

    def keep_then_step():
        kept.extend(p.grad.flatten().clone() for p in training.student.parameters() if p.grad is not None)
        step()

    training.optimizer.step = keep_then_step
    row = training.advance()
    state = training.method.state_dict()
    return torch.cat(kept), row, state.get("network") or state.get("adversary", {}).get("heads", {})


def angle(a, b):
    return float(torch.nn.functional.cosine_similarity(a, b, dim=0))


@pytest.mark.parametrize("method", METHODS, ids=lambda value: value[0])
def test_recomputed_activations_give_the_same_gradient(method, small_track):
    plain, row, own = first_step(small_track, *method)
    again, other, theirs = first_step(small_track, *method, RECOMPUTE)
    torch.testing.assert_close(again, plain, rtol=0, atol=float(plain.abs().max()) * 1e-6)
    assert other["loss"] == row["loss"]
    for name, value in own.items():
        torch.testing.assert_close(theirs[name], value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", METHODS, ids=lambda value: value[0])
def test_bf16_is_near_float32_and_not_the_same(method, small_track):
    plain, row, _ = first_step(small_track, *method)
    half, other, own = first_step(small_track, *method, "optim.precision=bf16")
    assert half.dtype == torch.float32 and all(value.dtype != torch.bfloat16 for value in own.values())
    assert not torch.equal(half, plain)
    assert angle(half, plain) > 0.9 and other["loss"] == pytest.approx(row["loss"], rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["method=fpd", "method=dimo"])
def test_compiled_networks_give_the_same_numbers(method, small_track):
    plain, row, _ = first_step(small_track, method, *PIXELS)
    before = torch._dynamo.utils.counters["frames"]["ok"]
    compiled, other, _ = first_step(small_track, method, *PIXELS, COMPILE, RECOMPUTE)
    assert torch._dynamo.utils.counters["frames"]["ok"] > before  # something was compiled
    assert other["loss"] == pytest.approx(row["loss"], rel=1e-3)
    torch.testing.assert_close(compiled, plain, rtol=1e-2, atol=float(plain.abs().max()) * 1e-3)


@pytest.mark.parametrize("method", ["method=fpd", "method=dimo"])
def test_accumulated_gradients_are_those_of_the_whole_batch(method, small_track):
    plain, row, own = first_step(small_track, method)
    parts, other, theirs = first_step(small_track, method, "execution.micro_batch=3")
    torch.testing.assert_close(parts, plain, rtol=0, atol=float(plain.abs().max()) * 1e-5)
    assert other["loss"] == pytest.approx(row["loss"], rel=1e-5)
    for name, value in own.items():
        torch.testing.assert_close(theirs[name], value, rtol=1e-2, atol=5e-4)  # one step of Adam


def test_precision_is_part_of_the_name_and_the_other_switches_are_not():
    plain = run_id(compose(SMALL))
    assert run_id(compose([*SMALL, RECOMPUTE, COMPILE])) == plain
    assert run_id(compose([*SMALL, "optim.precision=bf16"])) != plain


def test_another_precision_is_refused_with_the_choices():
    from fpd_bench.config.check import check

    with pytest.raises(UnknownName, match="bf16"):
        check(compose([*SMALL, "optim.precision=fp16"]))


class Block(torch.nn.Module):
    """Counts how often its inside is computed, and whether in bf16."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)
        self.seen = []

    @network_entry
    def forward(self, x):
        return run_block(self._inside, x)

    def _inside(self, x):
        self.seen.append(torch.is_autocast_enabled("cpu"))
        return self.linear(x)


def test_the_inside_of_a_block_is_computed_again_in_the_precision_it_had():
    block, x = Block(), torch.ones(2, 4)
    with computing("bf16", recompute=True):
        out = block(x)
        out.sum().backward()
        with torch.no_grad():
            block(x)
    assert out.dtype == torch.float32 and block.linear.weight.grad.dtype == torch.float32
    assert block.seen == [True] * 3  # forward, again for the gradient, and once without one
    assert block(x).dtype == torch.float32 and not block.seen[-1]  # outside everything is as ever


def test_what_the_teacher_says_may_stand_in_a_loss(small_track):
    """It is computed in inference mode, whose tensors autograd would refuse."""
    config, noise = compose(SMALL), torch.Generator().manual_seed(0)
    condition = small_track.draw_conditions(4, noise)
    draft = torch.randint(small_track.n_codes, (4, small_track.n_tokens), generator=noise)
    repaired = refine(small_track, draft, condition, config.refine, noise)
    assert not any(part.is_inference() for part in (repaired.codes, repaired.hidden, repaired.logits))
    student = small_track.new_student()
    logits = student(draft.masked_fill(repaired.hidden, small_track.n_codes), condition)
    divergence = torch.nn.functional.kl_div(logits.log_softmax(-1), repaired.logits.softmax(-1), reduction="batchmean")
    (divergence + torch.nn.functional.cross_entropy(logits.mT, repaired.codes)).backward()
    assert student.head.weight.grad.abs().sum() > 0
