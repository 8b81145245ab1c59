"""The plan of a sweep: counted against a real step, and said before anything is queued."""

from pathlib import Path

import pytest
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from fpd_bench import sweep
from fpd_bench.config.compose import compose
from fpd_bench.distill.trainer import Training
from fpd_bench.errors import ConfigError, UnknownName
from fpd_bench.registry import tracks
from fpd_bench.runs.arithmetic import step_cost
from fpd_bench.runs.plan import GPUS, Asked, estimate, refuse_too_big, split_plan

SWEEPS = Path(__file__).parents[2] / "sweeps"
PAPER = ["track.name=maskgen", "optim.batch=64", "drift.blocks=[2,5,8,11]"]


@pytest.fixture(scope="module")
def shapes():
    return tracks.get("shapes")("default")


@pytest.mark.parametrize(
    "overrides",
    [
        ["drift.blocks=[0,1,2,3]"],
        ["gan.weight=0.1", "refine.guidance=0"],
        ["drift.resize=64", "gan.weight=0.1", "gan.updates=2"],
        ["execution.micro_batch=8", "drift.blocks=[1,2]"],
        ["drift.space=pixel", "drift.blocks=[]"],
        ["method=dimo"],
        ["method=dimo", "execution.micro_batch=8"],
        ["execution.activation_checkpointing=true", "drift.blocks=[1,2]"],
    ],
    ids=lambda words: words[0],
)
def test_the_plan_counts_what_a_step_does(shapes, overrides):
    config = compose([*overrides, "optim.batch=16"])
    training = Training(config, shapes)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:  # it does not know the CPU's kernel
        training.advance()
    assert step_cost(config, None).total == pytest.approx(counter.get_total_flops(), rel=0.03)


def test_the_published_sizes_need_no_weights():
    config = compose(PAPER)
    cost = step_cost(config, None)
    student, average_and_adam = 604.3e6, 4 + 16
    assert student * average_and_adam < cost.fixed < 1.5 * student * average_and_adam
    assert set(cost.flops) == {"student", "teacher", "decoder", "backbone", "text"}
    # a transformer's forward is at least 2 FLOPs a parameter and token; most of MaskGen's see 128 or 77 tokens
    assert 0.5 < cost.flops["teacher"] / (2 * 64 * 2 * 604.3e6 * 128) < 1
    assert "discriminator" in step_cost(compose([*PAPER, "gan.weight=1"]), None).flops


def test_time_follows_the_gpu_the_precision_and_the_utilisation():
    config = compose(PAPER)
    half, whole = (estimate(config, GPUS["H100"], Asked("H100", share, "bf16")) for share in (0.25, 0.5))
    assert half.seconds == pytest.approx(2 * whole.seconds)
    assert estimate(config, GPUS["H100"], Asked("H100", 0.5, "fp32")).seconds > 10 * whole.seconds
    assert not whole.fits and 64 % whole.micro_batch == 0
    config.execution.micro_batch = whole.micro_batch
    smaller = estimate(config, GPUS["H100"], Asked("H100", 0.5, "bf16"))
    config.execution.processes = 2
    shared = estimate(config, GPUS["H100"], Asked("H100", 0.5, "bf16"))
    assert shared.seconds == pytest.approx(smaller.seconds / 2) and shared.training_hours == smaller.training_hours
    assert smaller.fits and smaller.memory_gb < 80 < whole.memory_gb and smaller.seconds > whole.seconds


def test_a_run_in_bf16_or_with_fewer_activations_says_so_in_its_plan():
    def plan(*overrides):
        return estimate(compose([*PAPER, *overrides]), GPUS["H100"], Asked("H100"))

    plain, half, twice = plan(), plan("optim.precision=bf16"), plan("execution.activation_checkpointing=true")
    assert half.seconds < plain.seconds / 10 and half.evaluation_hours == plain.evaluation_hours
    assert twice.memory_gb < plain.memory_gb / 2 and 1.1 < twice.seconds / plain.seconds < 1.6
    assert plan("method=teacher", "optim.precision=bf16").evaluation_hours == plan("method=teacher").evaluation_hours


def test_what_does_not_fit_is_refused_before_it_is_queued():
    runs = {"abc": compose(PAPER)}
    refuse_too_big(runs, {"abc": "a ste"}, Asked())
    with pytest.raises(ConfigError, match=r"Run abc \(a ste\) needs about \d+ GB; RTX4090 has 24 GB. .*micro_batch"):
        refuse_too_big(runs, {"abc": "a ste"}, Asked("RTX4090"))


def test_the_words_of_the_command_line():
    asked, rest = split_plan(["seeds=[0]", "plan.gpu=H200", "plan.utilisation=0.5", "plan.precision=tf32"])
    assert (asked, rest) == (Asked("H200", 0.5, "tf32"), ["seeds=[0]"])
    with pytest.raises(UnknownName, match="Did you mean 'H100'"):
        split_plan(["plan.gpu=H10"])
    with pytest.raises(UnknownName, match="plan.utilisation"):
        split_plan(["plan.utilization=0.3"])
    for wrong in ("0", "1.5", "much"):
        with pytest.raises(ConfigError, match=r"plan.utilisation must be in \(0, 1\]"):
            split_plan([f"plan.utilisation={wrong}"])


def test_a_dry_run_of_the_paper_prices_the_table_and_names_what_is_missing(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("FPD_WEIGHTS", raising=False)
    words = [str(SWEEPS / "table3.yaml"), "profile=paper", "seeds=[0]", "plan.gpu=H100", "--dry-run"]
    assert sweep.main([*words, "--results", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert "Estimate for H100: 80 GB" in said.out and "GPU-hours on H100" in said.out
    assert "execution.micro_batch=" in said.out and "FPD_WEIGHTS is not set" in said.err
