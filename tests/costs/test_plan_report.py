"""The plan of a sweep: counted against a real step, and said before anything is queued."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from fpd_bench import sweep
from fpd_bench.config.compose import compose
from fpd_bench.costs.gpu_choice import GPUS, Gpu, PlanRequest, split_plan
from fpd_bench.costs.meter import measure_inference_call
from fpd_bench.costs.plan_report import refuse_too_big, report, rounded
from fpd_bench.costs.run_cost import NUMBER_SECONDS, estimate
from fpd_bench.costs.step import TrainingMemory, step_cost
from fpd_bench.costs.teacher_pairs import sampled_pairs
from fpd_bench.distill import drafting, refinement
from fpd_bench.distill.trainer import Training
from fpd_bench.errors import ConfigError, UnknownName
from fpd_bench.evals.geneval.prompt_grammar import geneval_rows
from fpd_bench.registry import tracks
from fpd_bench.tracks.geneval import validation_rows

SCORERS_GB = tracks.declaration("maskgen").scoring.size / 1e9

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


@pytest.mark.parametrize(
    "overrides",
    [
        ["method=sdtt"],  # the first of four rounds is guided, the others are not
        ["method=soft_dimo", "plugin.soft_dimo.pairs=32"],
        ["method=d_mmd"],
        ["method=d_mmd", "plugin.d_mmd.idlm=true"],
        ["method=di4c-d", "plugin.di4c-d.latents=4", "optim.batch=4", "optim.samples_per_condition=1"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_the_plan_counts_what_a_peer_does(shapes, overrides):
    config = compose(["optim.batch=16", "optim.steps=4", "optim.warmup=0", *overrides])
    training = Training(config, shapes)
    training.method.led = True  # of D-MMD: its auxiliary's updates before the first step are no part of a step
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        for _ in range(4):
            training.advance()
    assert 4 * step_cost(config, None).total == pytest.approx(counter.get_total_flops(), rel=0.03)


def test_the_published_sizes_need_no_weights():
    config = compose(PAPER)
    cost = step_cost(config, None)
    student, average_and_adam = 604.3e6, 4 + 16
    assert student * average_and_adam < cost.training.fixed < 1.5 * student * average_and_adam
    assert set(cost.flops) == {"student", "teacher", "decoder", "backbone", "text"}
    # a transformer's forward is at least 2 FLOPs a parameter and token; most of MaskGen's see 128 or 77 tokens
    assert 0.5 < cost.flops["teacher"] / (2 * 64 * 2 * 604.3e6 * 128) < 1
    assert "discriminator" in step_cost(compose([*PAPER, "gan.weight=1"]), None).flops


H100 = GPUS["H100"]
WHOLE = Gpu(1000, H100.fp32, H100.tf32, H100.bf16)  # everything fits


def test_time_follows_the_gpu_the_precision_and_the_utilisation():
    config = compose(PAPER)
    half, whole = (estimate(config, WHOLE, PlanRequest("", share, "bf16")) for share in (0.25, 0.5))
    assert half.noise_seconds == whole.noise_seconds
    assert half.seconds - half.noise_seconds == pytest.approx(2 * (whole.seconds - whole.noise_seconds))
    assert estimate(config, WHOLE, PlanRequest("", 0.5, "fp32")).seconds > 2 * half.seconds


def test_several_cards_share_a_step_but_the_noise_and_all_are_held_in_evaluation():
    config = compose(PAPER)
    one = estimate(config, WHOLE, PlanRequest())
    config.execution.processes = 2
    two = estimate(config, WHOLE, PlanRequest())
    assert two.noise_seconds == one.noise_seconds > 0
    assert two.seconds - two.noise_seconds == pytest.approx((one.seconds - one.noise_seconds) / 2)
    assert two.training_hours == pytest.approx(2 * two.seconds * config.optim.steps / 3600)
    assert two.evaluation_hours == 2 * one.evaluation_hours and two.memory_gb < one.memory_gb


def test_a_run_that_does_not_fit_is_priced_with_the_micro_batch_that_does():
    config = compose([*PAPER, "gan.weight=0.1"])
    asis, whole = (estimate(config, gpu, PlanRequest()) for gpu in (H100, WHOLE))
    assert not asis.fits and asis.memory_gb == whole.memory_gb > 80 > asis.micro_gb and 64 % asis.micro_batch == 0
    config.execution.micro_batch = asis.micro_batch
    fitted = estimate(config, H100, PlanRequest())
    assert fitted.fits and fitted.memory_gb == asis.micro_gb
    assert asis.seconds == fitted.seconds > whole.seconds and asis.training_hours == fitted.training_hours
    config.execution.micro_batch = 2 * asis.micro_batch
    assert not estimate(config, H100, PlanRequest()).fits


def test_what_takes_the_whole_batch_at_once_does_not_shrink_with_the_micro_batch():
    memory = TrainingMemory(fixed=100, per_draft=1, at_once=3, graph=10)
    assert memory.bytes_for(batch=8, micro=8) == 100 + 8 + 80 + 24  # the graph, and what is done beside it
    assert memory.bytes_for(batch=8, micro=4) == 100 + 8 + 40
    assert memory.bytes_for(batch=8, micro=1) == 100 + 8 + 24  # all at once is more than one image's graph
    gan = "gan.discriminator=projected"
    judged, plain = (step_cost(compose([*PAPER, gan, f"gan.weight={w}"]), None).training for w in (1, 0))
    assert judged.at_once > 2 * plain.at_once and judged.graph == plain.graph


def test_what_is_alive_at_once_is_the_most_that_lies_between_layers():
    with torch.device("meta"):
        network = nn.Sequential(nn.Linear(10, 1000), nn.ReLU(), nn.Linear(1000, 20)).requires_grad_(False)
        images = torch.empty(2, 10)
    flops, alive = measure_inference_call(lambda: [network(images).view(2, 4, 5).add_(1)])
    assert flops == 2 * (10 * 1000 + 1000 * 20) and alive == 2 * 4 * 1000  # bytes before and behind the ReLU


def test_evaluation_needs_memory_of_its_own_and_scorers_beside_it():
    teacher, student = (step_cost(compose([*PAPER, *more]), None) for more in (["method=teacher"], []))
    logits = 128 * 128 * 8192 * 4  # of a batch of 128 images
    assert teacher.sampling - teacher.training.fixed == 2 * 4 * logits  # guided: two rows an image
    assert student.sampling - teacher.training.fixed > 4 * logits
    memory = estimate(compose([*PAPER, "method=teacher"]), H100, PlanRequest()).memory_gb
    assert memory == pytest.approx(2.5 + SCORERS_GB + teacher.sampling / 1e9)
    few = compose(["optim.batch=1", "drift.space=pixel", "drift.blocks=[]"])
    cost = step_cost(few, None)
    assert estimate(few, H100, PlanRequest()).memory_gb == pytest.approx(2.5 + cost.sampling / 1e9)
    assert cost.sampling > cost.training.bytes_for(1, 1)
    small = Gpu(memory, H100.fp32, H100.tf32, H100.bf16)
    assert estimate(compose([*PAPER, "method=teacher"]), small, PlanRequest()).fits
    for more in (["method=teacher"], ["optim.batch=1"]):
        big = estimate(
            compose([*PAPER, *more, "evaluation.teacher_steps=1"]), replace(small, memory_gb=9), PlanRequest()
        )
        assert not big.fits and big.advice == "its evaluation takes that much, whatever the micro-batch"
    folder = ["method=folder", "generator.source=x"]
    scored, plain = (
        estimate(compose([f"track.name={t}", *folder]), H100, PlanRequest()) for t in ("maskgen", "shapes")
    )
    assert scored.memory_gb == 2.5 + SCORERS_GB and plain.memory_gb == 2.5
    teacher, student = (step_cost(compose(["track.name=maskgit", f"method={m}"]), None) for m in ("teacher", "dimo"))
    # sixteen images being decoded (runs/perform/suite_images.py) are more than the student's logits of 128
    assert student.sampling > teacher.training.fixed + 16 * 160e6


@pytest.mark.parametrize(
    ("overrides", "per_code"),
    [
        ([], 1),
        (["refine.sampling=categorical"], 0),
        (["refine.temperature=0"], 0),
        (["start.sampling=gumbel"], 2),
        (["method=dimo"], 3),
        (["method=dimo", "start.sampling=argmax"], 1),
        (["method=dimo", "refine.sampling=categorical"], 0),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_the_noise_of_a_step_is_what_a_step_draws(shapes, monkeypatch, overrides, per_code):
    config, drawn = compose([*overrides, "optim.batch=16", "drift.blocks=[0]"]), []

    def arrivals(shape, generator):
        drawn.append(torch.Size(shape).numel())
        return torch.empty(*shape).exponential_(generator=generator)

    for module in (drafting, refinement):
        monkeypatch.setattr(module, "waiting_times", arrivals)
    Training(config, shapes).advance()
    codes, tokens = 16 * shapes.n_tokens * shapes.n_codes, 16 * shapes.n_tokens
    found = estimate(config, H100, PlanRequest())
    assert sum(drawn) == per_code * codes
    assert 0 <= found.noise_seconds / NUMBER_SECONDS - sum(drawn) <= 3 * tokens < codes
    assert found.seconds > found.noise_seconds


def test_evaluation_counts_the_items_of_the_suite(shapes):
    assert dict(tracks.declaration("maskgen").items) == {
        "test": len(geneval_rows()),
        "validation": len(validation_rows()),
    }
    test, other = (
        estimate(compose([*PAPER, f"evaluation.split={s}"]), H100, PlanRequest()) for s in ("test", "validation")
    )
    assert test.evaluation_hours == pytest.approx(other.evaluation_hours * 553 / 100)
    for split in ("test", "validation"):
        one = estimate(compose([f"evaluation.split={split}"]), H100, PlanRequest())
        images = len(shapes.suite(split).items) * 4
        assert one.evaluation_hours == pytest.approx(images * one.image_flops / (0.35e12 * H100.fp32) / 3600)


def test_a_run_in_bf16_or_with_fewer_activations_says_so_in_its_plan():
    def plan(*overrides):
        return estimate(compose([*PAPER, *overrides]), WHOLE, PlanRequest())

    plain, half, twice = plan(), plan("optim.precision=bf16"), plan("execution.activation_checkpointing=true")
    assert half.seconds - half.noise_seconds < plain.seconds / 10 and half.evaluation_hours == plain.evaluation_hours
    assert twice.memory_gb < plain.memory_gb / 2 and 1.1 < twice.seconds / plain.seconds < 1.6
    assert plan("method=teacher", "optim.precision=bf16").evaluation_hours == plan("method=teacher").evaluation_hours


def test_what_does_not_fit_is_refused_before_it_is_queued():
    runs = {"abc": compose(PAPER)}
    refuse_too_big(runs, {"abc": "a ste"}, PlanRequest())
    with pytest.raises(
        ConfigError, match=r"Run abc \(a ste\) needs about \d+ GB; H100 has 80 GB: execution.micro_batch=16 fits"
    ):
        refuse_too_big(runs, {"abc": "a ste"}, PlanRequest("H100"))
    runs = {"abc": compose([*PAPER, "gan.weight=1", "gan.discriminator=projected"])}
    small = r"RTX4090 has 24 GB: no micro-batch fits"
    with pytest.raises(ConfigError, match=f"{small}, try execution.activation_checkpointing=true"):
        refuse_too_big(runs, {"abc": "a ste"}, PlanRequest("RTX4090"))
    runs["abc"].execution.activation_checkpointing = True
    runs["abc"].optim.batch = 1024
    with pytest.raises(ConfigError, match=rf"{small}\. Without"):
        refuse_too_big(runs, {"abc": "a ste"}, PlanRequest("RTX4090"))


def test_the_words_of_the_command_line():
    asked, rest = split_plan(["seeds=[0]", "plan.gpu=H200", "plan.utilisation=0.5", "plan.precision=tf32"])
    assert (asked, rest) == (PlanRequest("H200", 0.5, "tf32"), ["seeds=[0]"])
    with pytest.raises(UnknownName, match="Did you mean 'H100'"):
        split_plan(["plan.gpu=H10"])
    with pytest.raises(ConfigError, match="plan.gpu=A100 fits more than one card. Choose A100-40GB or A100-80GB."):
        split_plan(["plan.gpu=A100"])
    with pytest.raises(
        UnknownName, match="For a card that is not listed, give its numbers: plan.memory_gb=48 plan.tflops=90"
    ):
        split_plan(["plan.gpu=B300"])
    with pytest.raises(ConfigError, match="plan.memory_gb= and plan.tflops= together; plan.tflops is missing"):
        split_plan(["plan.memory_gb=96"])
    own = split_plan(["plan.memory_gb=96", "plan.tflops=400"])[0].card
    assert (own.memory_gb, own.bf16, own.fp32) == (96, 400, 400)
    with pytest.raises(UnknownName, match="plan.utilisation"):
        split_plan(["plan.utilization=0.3"])
    for wrong in ("0", "1.5", "much"):
        with pytest.raises(ConfigError, match=r"plan.utilisation must be in \(0, 1\]"):
            split_plan([f"plan.utilisation={wrong}"])


def test_a_plan_is_for_one_card(tmp_path, capsys):
    words = [str(SWEEPS / "table3.yaml"), "plan.gpu=H100,A6000", "--dry-run", "--results", str(tmp_path)]
    assert sweep.main(words) == 2
    said = capsys.readouterr()
    assert said.err == "plan.gpu takes one value; got H100,A6000. Run the command once for each.\n" and not said.out


def test_figures_have_three_digits():
    numbers = (0, 2.5, 1234.5, 999.6, 999.4, 0.00012345, 0.0000001, 12.345)
    assert list(map(rounded, numbers)) == ["0", "2.5", "1,234", "1,000", "999", "0.000123", "0.0000001", "12.3"]


def test_pairs_that_the_teacher_makes_are_counted_once_for_all_runs_of_a_seed():
    def one(*words):
        return compose(["track.name=maskgit", *words])

    sdtt, di4c = ["method=sdtt", "plugin.sdtt.pairs=3000"], ["method=di4c", "plugin.di4c.pairs=1000"]
    runs = [one(*sdtt), one(*di4c), one(*sdtt, "seed=1"), one("method=d_mmd"), one("method=fpd")]
    pairs, flops = sampled_pairs(runs)
    call = step_cost(one("method=fpd"), None).shares["student"].flops
    assert pairs == 6000 and flops == pytest.approx(6000 * 2 * 16 * call)
    assert sampled_pairs([one("method=d_mmd", "plugin.d_mmd.steps=2")])[0] == 2000
    assert sampled_pairs([compose(["track.name=digits", *sdtt])]) == (0, 0)  # real pictures
    plan = report({"1": runs[0]}, {"1": "a sdtt seed 0"}, PlanRequest("H100"))
    assert "shared by all runs of a seed: 3,000 pairs, 0.106 GPU-hours more" in plan


def test_rows_that_share_a_line_are_named_without_their_seed():
    runs = {
        "1": compose(PAPER),
        "2": compose([*PAPER, "seed=1"]),
        "3": compose([*PAPER, "estimator=soft"]),
        "4": compose([*PAPER, "method=teacher"]),
        "5": compose(["track.name=maskgen", "method=diffusers", "generator.source=someone/new"]),
    }
    labels = {
        "1": "a ste seed 0",
        "2": "a ste seed 1",
        "3": "a soft seed 0",
        "4": "b teacher seed 0",
        "5": "b x seed 0",
    }
    text = report(runs, labels, PlanRequest("H100"))
    assert all(len(line) <= 140 for line in text.splitlines())
    lines = re.sub(r"\n  (?! )", " ", text).splitlines()
    assert [line for line in lines if line.startswith("TFLOP/step of ")] == [
        "TFLOP/step of a ste, a soft: student 22.2, teacher 11.1, decoder 79, backbone 12.3, text 0.0532; "
        "noise on the CPU 1.07 s"
    ]
    assert "TFLOP/image of b teacher: teacher 32 x 0.0865 in fp32, decoder 1 x 0.301 in fp32" in lines
    assert any(
        re.match(r"Over 80 GB, a ste, a soft: execution.micro_batch=16 fits, it takes 6\d(\.\d)? GB", x) for x in lines
    )
    assert re.match(r"1 +a ste seed 0 +20\d GB +1,000 .* over 80 GB$", lines[2])
    assert any(line.startswith("Not estimated, b x: the configuration files of 'someone/new', which") for line in lines)
    assert lines[-1].endswith("); 3 counted with the micro-batch that fits; 1 not estimated.")


def test_a_broken_file_in_the_weights_folder_is_one_line_and_no_end(tmp_path, monkeypatch):
    (tmp_path / "generator_maskgen_vq_l").mkdir()
    (tmp_path / "generator_maskgen_vq_l/config.json").write_text('{"model": {"maskgen": [1, 2')
    monkeypatch.setenv("FPD_WEIGHTS", str(tmp_path))
    found = estimate(compose(PAPER), H100, PlanRequest("H100"))
    assert "config.json' cannot be read: " in found.reason and "\n" not in found.reason


def test_an_embedded_plan_has_numbers_that_are_not_zero(tmp_path, capsys):
    words = [str(SWEEPS / "table3.yaml"), "seeds=[0]", "plan.gpu=H100", "--dry-run", "--results", str(tmp_path)]
    assert sweep.main(words) == 0
    said = capsys.readouterr().out
    rows = re.findall(r"^[0-9a-f]{12}  \S.* GB .*$", said, re.M)
    assert len(rows) == 7 and not any(re.search(r" 0(\.0*)?( |$)", row.partition("GB")[2]) for row in rows)
    assert re.search(r"\(training 0\.00\d+, images and scores 0\.0000\d+\)\.$", said)


def test_a_dry_run_of_the_paper_prices_the_table_and_names_what_is_missing(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("FPD_WEIGHTS", raising=False)
    words = [str(SWEEPS / "table3.yaml"), "profile=paper", "seeds=[0]", "plan.gpu=H100", "--dry-run"]
    words += ["execution.micro_batch=0", "execution.activation_checkpointing=false"]
    assert sweep.main([*words, "--results", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert "Estimate for H100: 80 GB" in said.out and "GPU-hours on H100" in said.out
    assert (
        "Over 80 GB, a soft" in said.out
        and "execution.micro_batch=16 fits" in said.out
        and "FPD_WEIGHTS is not set" in said.err
    )
