"""A search from its first trial to its confirmed winner, over recorded runs."""

import random
from contextlib import suppress

import pytest

from fpd_bench.config.searches.search_spec import load_search
from fpd_bench.searching.preview import most_runs
from fpd_bench.searching.racing import winner
from fpd_bench.searching.study import next_params
from fpd_bench.searching.winner_worth import worth
from tests.searching.recorded import Killed, Recording, record, skill


def test_a_search_makes_its_trials_races_them_and_confirms_the_winner(study):
    one = study(trials=20, parallel=2)
    code, made = one.run()
    assert code is None and len(made) <= most_runs(one.search)
    with one.look() as seen:
        assert len(seen.trials) == 20
        seeds = [len(trial.runs) for trial in seen.trials]
        assert seeds.count(1) > seeds.count(2) > 0 and seeds.count(3) >= 1
        found = worth(one.search, seen)
        config = one.search.config(seen.best.params, 100)
        assert skill(config) > sum(skill(one.search.config(t.params, 100)) for t in seen.trials) / 20
        assert found.confirmed.suite == "geneval-test" and found.promised.suite == "geneval-validation"
        assert [row.seeds[0].seed for row in found.confirmed.rows] == [0, 0]
        text = "\n".join(found.lines())
    assert "promised" in text and "confirmed" in text and "winner's curse" in text and "Verdict: " in text
    assert found.curse == pytest.approx(
        found.score(found.promised, "winner").value - found.confirmed.rows[1].score.value
    )


def test_the_same_command_finds_nothing_to_do_once_the_search_is_over(study):
    one = study(trials=6)
    one.run()
    before = one.told()
    assert one.run() == (None, []) and one.told() == before


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["tpe", "random"])
@pytest.mark.parametrize("steps", ["", ", steps: [100]"], ids=["seeds", "steps"])
def test_a_search_that_is_killed_again_and_again_ends_as_the_same_study(study, sampler, steps):
    trials = 18 if sampler == "tpe" else 9  # of which TPE draws the first ten at random
    whole = study("whole", sampler=sampler, trials=trials, parallel=3, steps=steps)
    whole.run()
    broken, rng, kills = study("broken", sampler=sampler, trials=trials, parallel=3, steps=steps), random.Random(3), 0
    while True:
        try:
            broken.run(Recording(rng, kills=0.3))
            break
        except Killed:
            kills += 1
    assert kills >= 8
    assert broken.told() == whole.told()


def test_a_search_killed_while_it_asks_for_a_generation_asks_for_the_same(study, monkeypatch):
    from fpd_bench.searching import rounds

    whole = study("whole", trials=8, parallel=4)
    whole.run()
    broken = study("broken", trials=8, parallel=4)
    for after in (1, 2, 3, 0, 1, 3):
        count, really = iter(range(after)), next_params

        def ask(*words, count=count, really=really):
            if next(count, None) is None:
                raise Killed
            return really(*words)

        with monkeypatch.context() as patch:
            patch.setattr(rounds, "next_params", ask)
            with suppress(Killed):
                broken.run()
    broken.run()
    assert broken.told() == whole.told()


@pytest.mark.slow
def test_a_generation_is_the_same_in_whatever_order_its_runs_end(study):
    whole, other = study("whole", trials=9, parallel=3), study("other", trials=9, parallel=3)
    whole.run()

    class Backwards(Recording):
        def carry_out(self, sweep, todo, *rest):
            return super().carry_out(sweep, todo[::-1], *rest)

    other.run(Backwards())
    assert other.told() == whole.told()


@pytest.mark.slow
def test_a_budget_raised_in_the_middle_of_a_generation_changes_no_trial(study):
    whole, raised = study("whole"), study("raised")
    for one, steps in ((whole, [20]), (raised, [14, 20])):
        for trials in steps:  # of one seed, so that none climbs when the first budget is spent
            one.search = load_search(one.file, ["seeds=[100]", "search.parallel=4", f"search.trials={trials}"])
            one.run()
    assert raised.told()[:2] == whole.told()[:2]


def test_a_configuration_that_was_run_already_is_free_and_counts(study):
    one = study(trials=6, parallel=2)
    config = one.search.config({"gan.weight": 0.05, "drift.bandwidths": [0.5, 1.0]}, 100)
    run = record(one.results, config)  # somebody's sweep
    _code, made = one.run()
    with one.look() as seen:
        assert len(seen.trials) == 6 and seen.trials[0].runs[100].run_id == run.run_id
    assert run.run_id not in [run_id for run_id, _ in made]


def test_the_baseline_is_the_first_trial_where_the_space_has_it(study, tmp_path):
    one = study(trials=4)
    search = load_search(one.file, ["gan.weight=interval(0,1)"])
    with one.look() as seen:
        assert next_params(search, [], seen.board) == {"gan.weight": 0.0, "drift.bandwidths": [0.5, 1.0, 2.0]}
        assert next_params(one.search, [], seen.board)["gan.weight"] > 0


def test_a_trial_that_diverges_is_one_and_never_wins(study):
    one = study(trials=8, parallel=1)

    class Diverging(Recording):
        def carry_out(self, sweep, todo, results, tell, detach):
            for run_id in todo:
                config = sweep.runs()[run_id]
                bad = config.gan.weight > 0.05 and config.evaluation.split == "validation"
                record(results, config, end="diverged" if bad else "done")
            return super().carry_out(sweep, [], results, tell, detach)

    assert one.run(Diverging())[0] is None
    with one.look() as seen:
        lost = [trial for trial in seen.trials if seen.board.lost(trial, seen.board.levels[0])]
        assert lost and len(seen.trials) == 8 and seen.best.number not in [trial.number for trial in lost]


@pytest.mark.slow
def test_a_space_of_few_configurations_is_searched_to_its_end(study):
    one = study(trials=30, parallel=4)
    one.search = load_search(one.file, ["gan.weight=0", "drift.bandwidths=subset(0.5,1,2;max=2)"])
    assert one.run()[0] is None
    with one.look() as seen:
        assert len(seen.trials) == 6 and winner(one.search, seen.trials, seen.board)


def test_a_trial_that_fails_is_told_and_the_search_goes_on(study):
    one = study(trials=8, parallel=1)
    code, _made = one.run(Recording(failing=lambda config: config.gan.weight > 0.1))
    assert code is None
    with one.look() as seen:
        failed = [trial for trial in seen.trials if trial.params["gan.weight"] > 0.1]
        assert failed and len(seen.trials) == 8 and seen.best not in failed


def test_a_search_whose_runs_all_fail_stops_soon(study):
    one = study(trials=30, parallel=2)
    assert one.run(Recording(failing=lambda config: True))[0] == 1
    with one.look() as seen:
        assert len(seen.trials) == 6
    assert "code: an error" in one.said[-1] and "The same command continues." in one.said[-1]


def test_trials_keep_their_numbers_when_more_are_made(study):
    one = study(trials=4, parallel=2)
    one.run()
    before = [(number, params) for number, params, _runs in one.told()[0]]
    one.search = load_search(one.file, ["search.trials=9"])
    one.run()
    assert [(number, params) for number, params, _runs in one.told()[0]][:4] == before


@pytest.mark.slow
def test_fifty_kills_change_nothing(study):
    whole, broken = (study(name, trials=40, parallel=4, steps=", steps: [100]") for name in ("whole", "broken"))
    whole.run()
    rng, kills = random.Random(5), 0
    while True:
        try:
            broken.run(Recording(rng, kills=0.5))
            break
        except Killed:
            kills += 1
    assert kills >= 50
    assert broken.told() == whole.told()
