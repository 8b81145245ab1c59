"""The next trial: what it depends on, and what it never does."""

import random
from dataclasses import replace

import pytest

from fpd_bench.config.searches.search_file import SearchFile
from fpd_bench.config.searches.search_spec import TEST, load_search
from fpd_bench.errors import ConfigError
from fpd_bench.evals.diversity import FLOOR
from fpd_bench.runs.execute.sweep_plan import open_run
from fpd_bench.searching.answered_runs import TestRun, ValidationRun
from fpd_bench.searching.board import Board
from fpd_bench.searching.pruning import hopeless
from fpd_bench.searching.racing import climbers, pareto_front, ranked
from fpd_bench.searching.samplers import check_sampler, chosen
from fpd_bench.searching.study import next_params, study_of
from fpd_bench.searching.variety import sentence
from fpd_bench.store.ingest import rebuild
from tests.searching.recorded import Recording, record, skill


def asked(one, search=None):
    with one.look() as seen:
        return next_params(search or one.search, seen.trials, seen.board)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["tpe", "gp", "random", "cmaes", "nsga2", "auto"])
def test_every_sampler_asks_for_new_trials_of_the_space_and_for_the_same_again(study, sampler):
    one = study(sampler=sampler, trials=9, parallel=3)
    one.run()
    with one.look() as seen:
        found = [(trial.params["gan.weight"], trial.params["drift.bandwidths"]) for trial in seen.trials]
    assert len({repr(params) for params in found}) == 9
    for weight, bandwidths in found:
        assert 0.001 <= weight <= 1 and 1 <= len(bandwidths) <= 4
    larger = load_search(one.file, ["search.trials=20"])
    first = asked(one, larger)
    rebuild(one.results, one.url)
    assert asked(one, larger) == first


@pytest.mark.slow
def test_a_sampler_learns_from_the_index(study):
    taught, random_one = study("taught", trials=30, parallel=1), study("none", sampler="random", trials=30)
    late = []
    for one in (taught, random_one):
        one.run()
        with one.look() as seen:
            late.append([skill(one.search.config(trial.params, 100)) for trial in seen.trials[15:]])
    assert sum(late[0]) / 15 > sum(late[1]) / 15 + 0.02


def test_trials_of_one_generation_know_of_each_other_only_that_they_run(study):
    one = study(trials=8, parallel=4, sampler="tpe")
    one.run()
    with one.look() as seen:
        study_now = study_of(one.search, seen.trials[:6], seen.board, running_from=4)
        assert [trial.state.name for trial in study_now.trials] == ["COMPLETE"] * 4 + ["RUNNING"] * 2
        assert len({repr(trial.params) for trial in seen.trials}) == 8


def test_scores_on_test_prompts_never_steer(study):
    one = study(trials=6, parallel=2)
    one.run()
    larger = load_search(one.file, ["search.trials=12"])
    before = asked(one, larger), one.told()
    rng = random.Random(1)
    for _ in range(10):  # test runs of other configurations, and of the trials themselves, all of them perfect
        params = {"gan.weight": round(rng.uniform(0.1, 1), 3), "drift.bandwidths": [rng.choice([0.1, 2.0])]}
        on_test(one, params)
    with one.look() as seen:
        for trial in seen.trials:
            on_test(one, trial.params)
    assert (asked(one, larger), one.told()) == before


def on_test(one, params):
    config = one.search.config(params, 100)
    record(one.results, replace(config, evaluation=replace(config.evaluation, split=TEST)), share=9.0)


def test_a_run_on_test_prompts_cannot_be_made_what_steers_a_search(study):
    one = study(trials=4)
    one.run()
    with one.look() as seen:
        runs = seen.store.runs()
        on_validation = seen.trials[0].runs[100]
        (first, *_) = [run for run in runs.values() if run.config["evaluation"]["split"] == "test"]
        with pytest.raises(ConfigError, match="has answered 'test' prompts, not 'validation' prompts"):
            ValidationRun(first)
        with pytest.raises(ConfigError, match="has answered 'validation' prompts"):
            TestRun(on_validation.run)
        smuggled = replace(seen.trials[0], runs={100: TestRun(first)})
        with pytest.raises(TypeError, match="ValidationRuns only; got TestRun"):
            Board(one.search, seen.store, [smuggled])


def test_a_worse_trial_is_told_apart_on_paired_prompts_and_a_near_one_is_not(study):
    one = study(trials=3, parallel=1)
    for weight, bandwidths in ((0.05, [0.5, 1.0]), (0.06, [0.5, 1.0]), (1.0, [0.1, 0.2, 2.0, 4.0])):
        record(one.results, one.search.config({"gan.weight": weight, "drift.bandwidths": bandwidths}, 100))
    with one.look() as seen:
        by = {trial.params["gan.weight"]: trial for trial in seen.trials}
        level = seen.board.levels[0]
        assert not hopeless(one.search, seen.store, seen.board, by[0.06], by[0.05], level)
        assert hopeless(one.search, seen.store, seen.board, by[1.0], by[0.05], level)


def test_a_hopeless_trial_does_not_climb_though_few_are_better(study):
    one = study(trials=6, parallel=1)
    weights = {0.05: [0.5, 1.0], 0.5: [4.0], 0.6: [4.0], 0.7: [4.0], 0.8: [4.0], 0.9: [4.0]}
    for weight, bandwidths in weights.items():
        record(one.results, one.search.config({"gan.weight": weight, "drift.bandwidths": bandwidths}, 100))
    with one.look() as seen:
        level, due = climbers(one.search, seen.store, seen.trials, seen.board)
        assert (level.seeds, [trial.params["gan.weight"] for trial in due]) == (2, [0.05])
        best = next(trial for trial in seen.trials if trial is due[0])
        second = ranked(one.search, seen.trials, seen.board, seen.board.levels[0])[1]
        assert hopeless(one.search, seen.store, seen.board, second, best, seen.board.levels[0])


def test_limits_keep_a_costly_trial_from_climbing_and_from_winning(study):
    one = study(trials=16, parallel=2, more="limits: {memory_gb: 2.05}")
    one.run()
    with one.look() as seen:
        costly = [trial for trial in seen.trials if trial.params["gan.weight"] > 0.05]
        assert costly and all(len(trial.runs) == 1 for trial in costly)
        assert seen.best.params["gan.weight"] <= 0.05
        frozen = study_of(one.search, seen.trials, seen.board).trials[costly[0].number]
        assert frozen.constraints["memory_gb"] > 0


def best_collapse(config):
    """The settings that score best, as if by one picture for each prompt."""
    return 0.01 < config.gan.weight < 0.2


@pytest.mark.parametrize("steps", ["", ", steps: [100]"], ids=["seeds", "steps"])
def test_a_trial_that_has_collapsed_does_not_climb_and_cannot_win(study, steps):
    one, blind = study("watched", trials=16, steps=steps), study("blind", trials=16, steps=steps, more="diversity: 0")
    for each in (one, blind):
        each.run(Recording(collapsing=best_collapse))
    with one.look() as seen:
        lost = [trial for trial in seen.trials if best_collapse(one.search.config(trial.params, 100))]
        assert lost and [trial for trial in seen.trials if seen.board.collapsed(trial)] == lost
        assert all(len(trial.runs) == 1 for trial in lost) and seen.best not in lost
        frozen = study_of(one.search, seen.trials, seen.board).trials
        assert steps or frozen[lost[0].number].constraints["diversity"] == pytest.approx(0.5 - 0.2 / 0.5)
        assert seen.board.kept(lost[0]) == pytest.approx(0.4) and "has collapsed" in sentence(one.search)
    with blind.look() as seen:
        assert best_collapse(blind.search.config(seen.best.params, 100))
        assert seen.board.kept(seen.best) is None and "not watched" in sentence(blind.search)


def test_the_teacher_is_run_before_anything_is_decided_from_trials_that_were_there(study):
    one = study(trials=6, parallel=2)
    record(one.results, one.search.config({"gan.weight": 0.05, "drift.bandwidths": [0.5, 1.0]}, 100), differ=0.2)
    _code, made = one.run()
    first = open_run(one.results, made[0][0]).config()
    assert first.method == "teacher" and first.evaluation.split == "validation" and first.seed == 100
    with one.look() as seen:
        assert seen.board.collapsed(seen.trials[0]) and len(seen.trials[0].runs) == 1


def test_the_half_is_the_one_of_the_reports():
    assert SearchFile.diversity == FLOOR


@pytest.mark.parametrize(("sampler", "most"), [("gp", 500), ("cmaes", 1000), ("nsga2", 1000)])
def test_a_sampler_is_refused_for_more_trials_than_it_can_ask_for_in_time(study, sampler, most):
    one = study(sampler=sampler)
    check_sampler(load_search(one.file, [f"search.trials={most}"]))
    with pytest.raises(ConfigError, match=f"up to {most} trials.*search.sampler=tpe") as found:
        check_sampler(load_search(one.file, [f"search.trials={most + 1}"]))
    assert "\n" not in str(found.value)
    check_sampler(load_search(one.file, ["search.sampler=auto", "search.trials=5000"]))


def test_two_objectives_have_a_front(study):
    one = study(trials=10, parallel=2, sampler="nsga2", more="objectives: [overall, memory_gb]")
    one.run()
    with one.look() as seen:
        front = pareto_front(one.search, seen.trials, seen.board)
        cheapest = min(seen.trials, key=lambda trial: trial.params["gan.weight"])
        assert cheapest in front and 1 <= len(front) < 10


def test_auto_is_a_gaussian_process_for_few_trials_and_tpe_for_many_or_conditions(study):
    one = study(sampler="auto")
    assert chosen(one.search) == "gp"
    assert chosen(load_search(one.file, ["search.trials=500"])) == "tpe"
    two = study("conditional", sampler="auto")
    text = two.file.read_text().replace(
        "space:\n", 'space:\n  gan.updates: {axis: "range(1, 4)", if: gan.weight > 0.1}\n'
    )
    lines = text.splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if "gan.updates" in line)
    lines.insert(at + 2, lines.pop(at))  # a condition stands behind what it speaks of
    two.file.write_text("".join(lines))
    two.search = load_search(two.file)
    assert chosen(two.search) == "tpe"
    two.run()
    with two.look() as seen:
        assert {"gan.updates" in trial.params for trial in seen.trials} == {True, False}
        for trial in seen.trials:
            assert ("gan.updates" in trial.params) == (trial.params["gan.weight"] > 0.1)


def test_cmaes_is_refused_where_it_has_nothing_to_do(study):
    one = study(sampler="cmaes")
    with pytest.raises(ConfigError, match="cmaes needs numbers"):
        check_sampler(load_search(one.file, ["gan.weight=0"]))


def test_halving_over_steps_pauses_all_and_continues_few(study):
    one = study(trials=12, parallel=3, steps=", steps: [100]")
    _code, made = one.run()
    paused, whole = [run for run, step in made if step == 100], [run for run, step in made if step == 0]
    assert len(paused) == 12
    with one.look() as seen:
        first = {trial.runs[100].run_id for trial in seen.trials}
        assert 0 < len(first & set(whole)) <= 6 and first & set(whole) <= set(paused)
        states = [trial.state.name for trial in study_of(one.search, seen.trials, seen.board).trials]
        assert states.count("PRUNED") == 12 - len(first & set(whole))


def test_the_recording_executor_is_asked_for_a_run_once(study):
    one = study(trials=12, parallel=3)
    _code, made = one.run(Recording())
    assert len({run for run, _ in made}) == len(made)


def test_a_set_has_as_many_members_as_it_may(study):
    one = study(trials=12, parallel=4, sampler="random")
    one.search = load_search(one.file, ["drift.bandwidths=subset(0.1,0.2,0.5,1,2,4;min=2,max=2)"])
    one.run()
    with one.look() as seen:
        assert {len(trial.params["drift.bandwidths"]) for trial in seen.trials} == {2}
