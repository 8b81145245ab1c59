"""One bad run never blocks the others: it is set aside with the reason, told each time, and is in no table."""

import json

import pytest
import yaml

from fpd_bench import report
from fpd_bench.store import ingest
from fpd_bench.store.__main__ import main
from fpd_bench.store.query import Store
from tests.store.synthetic_runs import finish, write_run

BAD, GOOD = f"{0:012x}", f"{1:012x}"


@pytest.fixture
def results(tmp_path):
    for run_id in (BAD, GOOD):
        write_run(tmp_path / "results", run_id, per_task=2)
    return tmp_path / "results"


def configured(folder, **fields):
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | fields))


def lost_its_end(folder):
    """What is left of it is YAML all the same."""
    identity = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(identity | {"semantic": {"optim.lr": 5e-4, "method": "fpd"}}))
    path = folder / "config.yaml"
    text = path.read_text()
    path.write_text(text[: text.index("optim:")])


def first_row(folder, text=None, **fields):
    """Change the first line of the evaluation, and let DONE vouch for it."""
    path = folder / "eval" / "test.jsonl"
    first, rest = path.read_text().split("\n", 1)
    path.write_text((text or json.dumps(json.loads(first) | fields)) + "\n" + rest)
    finish(folder)


def appended(folder, name, line):
    with (folder / name).open("a") as file:
        file.write(line + "\n")


WRONG = {
    "a seed of 65 bits": lambda f: configured(f, seed=12345678901234567890),
    "a seed of 5,000 digits": lambda f: (f / "config.yaml").write_text("seed: " + "9" * 5000),
    "a seed that is text": lambda f: configured(f, seed="one"),
    "a track that is text": lambda f: configured(f, track="shapes"),
    "a configuration that lost its end": lambda f: lost_its_end(f),
    "no mapping": lambda f: (f / "config.yaml").write_text("- 1\n"),
    "no YAML": lambda f: (f / "config.yaml").write_text("a: [1"),
    "brackets": lambda f: (f / "config.yaml").write_text("[" * 100_000),
    "a score of NaN": lambda f: first_row(f, score=float("nan")),
    "an infinite score": lambda f: first_row(f, score=1e999),
    "a score that is text": lambda f: first_row(f, score="good"),
    "a replicate of 70 bits": lambda f: first_row(f, replicate=2**70),
    "an image twice": lambda f: (
        appended(f, "eval/test.jsonl", (f / "eval/test.jsonl").read_text().split("\n")[0]) or finish(f)
    ),
    "a metric twice": lambda f: (
        [appended(f, "eval/test.jsonl", '{"metric": "fid", "value": 1.0, "n": 4, "protocol": {}}') for _ in range(2)]
        and finish(f)
    ),
    "half a character": lambda f: first_row(f, text=None, prompt="\ud800"),
    "an event of wrong types": lambda f: appended(f, "events.jsonl", '{"seq": 1, "attempt": "two", "kind": "failed"}'),
    "an event that is a list": lambda f: appended(f, "events.jsonl", "[1]"),
    "an attempt of 70 bits": lambda f: appended(f, "events.jsonl", f'{{"attempt": {2**70}, "kind": "failed"}}'),
    "a step of 70 bits": lambda f: appended(f, "train.jsonl", f'{{"step": {2**70}, "loss": 1}}'),
    "a file that DONE finds elsewhere": lambda f: (f / "run.json").write_text('{"run_id": 7}'),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_run_that_cannot_be_read_or_stored_is_set_aside(results, what, capsys):
    WRONG[what](results / "runs" / BAD)
    for done in (ingest.ingest(results), ingest.ingest(results), ingest.rebuild(results)):
        assert list(done.aside) == [BAD] and done.aside[BAD]
    with Store(results) as store:
        assert {run_id: run.status for run_id, run in store.runs().items()} == {BAD: "corrupt", GOOD: "done"}
        assert set(store.frame("metrics").run_id) == {GOOD} and set(store.frame("items").run_id) == {GOOD}
    for command, code in (("rebuild", 0), ("export", 0), ("check", 1)):
        assert main([command, "--results", str(results)]) == code, capsys.readouterr()
    assert BAD in capsys.readouterr().out
    write_run(results, BAD, per_task=2)  # put right
    assert ingest.ingest(results).aside == {}


def test_check_finds_damage_in_every_file_of_a_finished_run(results, capsys):
    for name in ("samples/test.npz", "eval/test.jsonl"):
        path = results / "runs" / BAD / name
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(bytes(data))
        assert main(["check", "--results", str(results)]) == 1
        assert f"{BAD} is corrupt: changed or missing since DONE was written: {name}" in capsys.readouterr().out
        data[len(data) // 2] ^= 1
        path.write_bytes(bytes(data))
        assert main(["check", "--results", str(results)]) == 0


SWEEP = "name: t\nseeds: [0]\ntables: [{id: a, grid: [estimator=ste], rows: [{id: s, label: S, where: {}}]}]\n"


@pytest.mark.parametrize("place", ["missing", "empty", "empty runs", "a file"])
def test_a_wrong_results_folder_is_told_and_nothing_is_written(tmp_path, place, capsys):
    """A good report stays as it is."""
    sweep, results, out = tmp_path / "t.yaml", tmp_path / "rezults", tmp_path / "reports"
    sweep.write_text(SWEEP)
    out.mkdir()
    (out / "t-a.md").write_text("a good report")
    if place == "a file":
        results.write_text("")
    elif place != "missing":
        (results / "runs" if place == "empty runs" else results).mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    assert report.main([str(sweep), "--results", str(results), "--out", str(out)]) == 2
    err = capsys.readouterr().err
    assert f"No runs in '{results}'" in err and f"python -m fpd_bench.sweep {sweep} --results {results}" in err
    assert sorted(tmp_path.rglob("*")) == before and (out / "t-a.md").read_text() == "a good report"


@pytest.mark.parametrize("end", ["planned", "running", "failed", "interrupted", "elsewhere"])
def test_with_nothing_finished_the_sweeps_command_is_told(tmp_path, end, capsys):
    from fpd_bench.config.sweeps.spec import load_sweep

    sweep, results, out = tmp_path / "t.yaml", tmp_path / "results", tmp_path / "reports"
    sweep.write_text(SWEEP)
    (run_id,) = load_sweep(sweep, []).runs()
    write_run(results, GOOD, per_task=2)  # of no table here
    if end != "elsewhere":
        write_run(results, run_id, end=end, per_task=2)
    assert report.main([str(sweep), "--results", str(results), "--out", str(out)]) == 2
    err = capsys.readouterr().err
    assert f"None of the 1 runs of these tables is finished in '{results}'" in err and not out.exists()
    assert f"python -m fpd_bench.sweep {sweep} --results {results}" in err
    assert end == "elsewhere" or f"1 {end}" in err
