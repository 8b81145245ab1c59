"""Students in several steps: the teacher's own sampler, with the student in its place."""

import pytest
import torch

from fpd_bench.config.check import check
from fpd_bench.config.compose import compose
from fpd_bench.config.identity import run_id
from fpd_bench.distill.several_steps import sample_in_steps
from fpd_bench.errors import ConfigError
from fpd_bench.models.streams import generator_of
from fpd_bench.runs.perform.suite_images import sample_one_step, sample_student


@pytest.fixture(params=["shapes", "digits"])
def track(request, small_track, small_digits):
    return {"shapes": small_track, "digits": small_digits}[request.param]


def noise(n):
    return [generator_of(0, "suite", str(i), 0) for i in range(n)]


def test_from_masks_an_untrained_student_draws_what_the_teacher_does(track):
    """z_init of masks only, temperature 1, the teacher's guidance: the same noise gives the same codes."""
    condition = track.suite("validation").condition[:5]
    start = compose(["start.r_init=1", "start.temperature=1"]).start
    guidance = {"shapes": lambda: track.world.guidance, "digits": lambda: 1.0}[track.name]()
    generators = noise(5)
    for generator in generators:  # what z_init draws before the sampler does
        torch.randint(track.n_codes, (1, track.n_tokens), generator=generator)
        torch.rand(1, track.n_tokens, generator=generator)
    expected = track.teacher_sample(condition, 4, generators)
    student = track.new_student().eval()
    assert torch.equal(sample_in_steps(track, student, condition, start, noise(5), 4, guidance), expected)


def test_codes_of_z_init_are_written_over_and_seen_until_then(track):
    condition, student = track.suite("validation").condition[:4], track.new_student().eval()
    start, seen = compose(["start.r_init=0.25", "start.temperature=1"]).start, []
    student.register_forward_hook(lambda _, given, __: seen.append(given[0].clone()))
    codes = sample_in_steps(track, student, condition, start, noise(4), 4, 0.0)
    assert codes.max() < track.n_codes and len(seen) == 4
    still = [(step == seen[0]).float().mean() for step in seen]
    assert still[0] == 1 > still[1] > still[3]
    assert not (codes == seen[0]).all(1).any()


def test_the_images_do_not_depend_on_the_batch(track):
    condition, student = track.suite("validation").condition[:5], track.new_student().eval()
    config = compose(["evaluation.student_steps=3", "evaluation.student_guidance=2", "start.embedding_noise=0.2"])
    whole = sample_student(config, track, student, condition, noise(5))
    assert torch.equal(sample_student(config, track, student, condition[[3]], [noise(5)[3]]), whole[[3]])


def test_one_step_without_guidance_is_what_it_was_and_guidance_changes_it(track):
    condition, student = track.suite("validation").condition[:8], track.new_student().eval()
    plain = sample_student(compose([]), track, student, condition, noise(8))
    assert torch.equal(plain, sample_one_step(track, student, condition, compose([]).start, noise(8)))
    guided = sample_student(compose(["evaluation.student_guidance=4"]), track, student, condition, noise(8))
    assert not torch.equal(plain, guided)


def test_each_number_of_steps_is_a_run_of_its_own_and_one_is_no_new_one():
    names = {run_id(compose([f"evaluation.student_steps={n}"])) for n in (1, 2, 4)}
    assert len(names) == 3 and run_id(compose([])) in names
    teacher = ["method=teacher", "evaluation.student_steps=2"]
    assert run_id(compose(teacher)) == run_id(compose(["method=teacher"]))


def test_ways_of_drawing_that_the_sampler_does_not_have_are_refused():
    with pytest.raises(ConfigError, match="does not know start.top_k"):
        check(compose(["evaluation.student_steps=2", "start.top_k=3"]))
    check(compose(["start.top_k=3"]))
