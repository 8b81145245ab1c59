"""On two tokens that differ, whose joint law is known: who finds it in one step, and who fails as published."""

import pytest
import torch

from tests.distill.joint_toys import Toy, drawn, noise, trained
from tests.distill.xor_yardsticks import di4c_loss, redi_rates

NOISY = ["start.r_init=0.05", "start.masks=independent"]  # z_init of random codes: all the noise a student needs
MASKS = ["start.r_init=1"]
AUX = ["dimo.aux_lr=2e-3", "plugin.d_mmd.aux_lr=2e-3"]


@pytest.fixture(scope="module")
def xor():
    return Toy(tokens=2, differs=1.0)


@pytest.mark.slow
def test_the_teacher_is_right_in_as_many_steps_as_tokens_and_in_one_a_product_of_marginals(xor):
    condition = xor.null_condition(1000)
    one, two = (xor.neighbours(xor.teacher_sample(condition, steps, noise(1000))) for steps in (1, 2))
    assert one == pytest.approx(0.5, abs=0.06) and two > 0.99


@pytest.fixture(scope="module")
def chain():
    return Toy(tokens=4, differs=0.9)


@pytest.mark.slow
def test_a_chain_of_four_needs_the_teachers_steps_too(chain):
    condition = chain.null_condition(1000)
    one, four = (chain.neighbours(chain.teacher_sample(condition, steps, noise(1000))) for steps in (1, 4))
    assert one == pytest.approx(0.5, abs=0.06) and four == pytest.approx(0.9, abs=0.05)


@pytest.mark.slow
def test_sdtt_in_one_step_from_masks_is_a_product_of_marginals_and_in_two_it_is_right(xor):
    """A negative control: the published FID of one step is 90.40."""
    training = trained(xor, "method=sdtt", "optim.steps=100", *MASKS)
    assert xor.neighbours(drawn(training)) == pytest.approx(0.5, abs=0.06)
    training.config.evaluation.student_steps = 2
    assert xor.neighbours(drawn(training)) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize(
    "method",
    [
        ["method=fpd"],
        ["method=dimo", AUX[0]],
        ["method=dimo", "dimo.jeffreys_beta=1", AUX[0]],
        ["method=d_mmd", AUX[1]],
        ["method=d_mmd", "plugin.d_mmd.idlm=true", AUX[1]],
        ["method=soft_dimo", AUX[0]],
    ],
    ids=" ".join,
)
def test_one_step_students_move_towards_the_joint(method, xor):
    """From .68, what an untrained student makes of random codes, to more than .74 in 200 steps."""
    begun = xor.neighbours(drawn(trained(xor, *method, "optim.steps=1", "optim.lr=1e-9", *NOISY)))
    done = xor.neighbours(drawn(trained(xor, *method, "optim.steps=200", *NOISY)))
    assert begun < 0.72 and done > begun + 0.05


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "least"),
    [
        (["method=fpd"], 0.6),
        (["method=dimo", AUX[0]], 0.75),
        (["method=d_mmd", AUX[1]], 0.75),
        (["method=d_mmd", "plugin.d_mmd.idlm=true", AUX[1]], 0.75),
        (["method=soft_dimo", AUX[0]], 0.75),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
def test_on_a_chain_of_four_they_go_from_chance_towards_it(method, least, chain):
    """.9 of the neighbours differ; an untrained student makes .53 of random codes. FPD comes to .68, others to .88."""
    assert chain.neighbours(drawn(trained(chain, *method, "optim.steps=200", *NOISY))) > least


@pytest.mark.slow
def test_sdtt_on_a_chain_of_four_is_a_product_of_marginals_in_one_step(chain):
    training = trained(chain, "method=sdtt", "optim.steps=100", *MASKS)
    assert chain.neighbours(drawn(training)) == pytest.approx(0.5, abs=0.06)
    training.config.evaluation.student_steps = 4
    assert chain.neighbours(drawn(training)) > 0.8


@pytest.mark.parametrize(("members", "delta", "rises"), [(8, 1 / 16, True), (32, 1 / 16, False), (32, 0.02, False)])
def test_few_members_hold_di4c_at_the_product_of_marginals_many_let_it_go(members, delta, rises):
    """Two latents that lean apart by a little, towards XOR: whether the exact loss lets them."""
    apart = torch.tensor([[0.2, -0.2], [-0.2, 0.2]], dtype=torch.float64)
    gain = float(di4c_loss(apart, members, delta) - di4c_loss(0 * apart, members, delta))
    assert (gain > 0) == rises and abs(gain) > 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("until", ["redi1", "redi2"])
def test_redi_moves_towards_the_joint_as_far_as_exact_networks_would(until, xor):
    """Half of what random codes leave to know is out of reach of a sampler that forgets what it wrote."""
    masked = 0.7
    asked = ["method=redi", f"plugin.redi.until={until}", "optim.steps=300", "plugin.redi.label_smoothing=0"]
    training = trained(xor, *asked, f"start.r_init={masked}", "start.masks=independent", "plugin.redi.pairs=1000")
    best = redi_rates(masked, 2)[1 if until == "redi1" else 2][1]
    assert best > 0.6 and xor.neighbours(drawn(training, 3000)) == pytest.approx(best, abs=0.04)
