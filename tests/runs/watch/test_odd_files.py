"""One odd run directory stops no one: whatever is in any file of it, the other runs are listed, made and reported."""

import json
import os
import random
import shutil

import pytest

from fpd_bench import report, status
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.records import layout
from fpd_bench.runs.cleanup import collect
from fpd_bench.runs.execute import sweep_plan
from fpd_bench.runs.execute.local import run_inline
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.perform.stages import Bench, perform
from fpd_bench.runs.watch import past_durations
from fpd_bench.runs.watch.row_scores import row_scores
from fpd_bench.runs.watch.run_history import history_of_run
from fpd_bench.runs.watch.state import state_of
from fpd_bench.store import ingest
from fpd_bench.store.query import Store

NEVER = (  # not in a finished run of this machine
    "claim.json", "submission.json", ".submission.json.lock", "eval/test.partial", "attempts/1.log", "notes.json",
)  # fmt: skip
DEEP = 100_000


def of_json(value):
    return lambda path: path.write_text(json.dumps(value) + "\n")


def of_bytes(data):
    return lambda path: path.write_bytes(data)


def a_loop(path):
    path.symlink_to(path.name)


TYPES = {
    name: of_json(value)
    for name, value in {
        "a list": [1, 2],
        "a number": 7,
        "null": None,
        "wrong types": {
            "run_id": [], "status": {}, "files": [1], "semantic": "x", "created": 5, "seq": "one", "attempt": "two",
            "kind": ["failed"], "time": 3, "step": "many", "steps": {}, "seconds": "x", "item": {}, "replicate": "z",
            "score": "high", "task": None, "prompt": 3, "metric": {}, "value": "x", "n": [], "host": 3, "pid": "../1",
            "token": 5, "started": 1, "user": [], "job": {}, "batch": "../../notes", "index": "a",
        },
        "negative and huge": {"seq": -(10**30), "attempt": 10**30, "step": 10**30, "kind": "progress", "steps": -1,
                              "seconds": 1e308, "pid": -1, "run_id": "x" * 300},
        "files elsewhere": {"run_id": "?", "status": "done", "files": {"../../../etc/passwd": "0", "/etc/passwd": "0"}},
        "letters that no database takes": {"kind": "failed", "attempt": 1, "message": "a\0b\ud800", "host": "\0"},
    }.items()
}  # fmt: skip
ODD = {
    "a directory": lambda path: path.mkdir(),
    "a fifo": os.mkfifo,
    "a dead link": lambda path: path.symlink_to("nowhere"),
    "a loop of links": a_loop,
    "a device without end": lambda path: path.symlink_to("/dev/zero"),
    "nothing": of_bytes(b""),
    "zeros": of_bytes(bytes(4096)),
    "garbage": of_bytes(random.Random(0).randbytes(3000)),
    "brackets": of_bytes(b"[" * DEEP),
    "braces": of_bytes(b'{"a":' * DEEP),
    "dashes": of_bytes(b"- " * DEEP),
    "a bomb of anchors": of_bytes(
        b"a: &a [x,x,x,x,x,x,x,x]\n" + b"".join(b"%c: &%c [*%c,*%c]\n" % (c, c, c - 1, c - 1) for c in range(98, 123))
    ),
    "a number of 5,000 digits": of_bytes(b"9" * 5000),
    **TYPES,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A results folder with a finished tiny sweep; made once, copied for each test."""
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def place(tiny, made, tmp_path, monkeypatch):
    """(sweep, results, the run to spoil, the other)."""
    file = tiny.write_sweep(made)
    sweep = load_sweep(file, ["optim.steps=2", "seeds=[0]", "evaluation.images_per_prompt=1"])
    if not (made / "results").exists():
        ends = []
        run_inline([RunDir.create(made / "results", config) for config in sweep.runs().values()], ends.append)
        assert [end.status for end in ends] == ["done", "done"], ends
    shutil.copytree(made / "results", tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    first, second = (sweep_plan.open_run(tmp_path / "results", run_id) for run_id in sweep.runs())
    return sweep, tmp_path / "results", first, second


def names(run):
    found = {path.relative_to(run.path).as_posix() for path in run.path.rglob("*") if path.is_file()}
    return sorted(found | set(NEVER))


FILES = [
    ".claim.json.lock", ".submission.json.lock", "DONE", "attempts/1.json", "attempts/1.log", "attempts/1.packages.txt",
    "checkpoints/step_2.pt", "checkpoints/step_2.sha256", "claim.json", "config.yaml", "eval/test.jsonl",
    "eval/test.partial", "eval/test.sha256", "events.jsonl", "heartbeat.json", "notes.json", "pictures/step_0.png",
    "pictures/step_2.png", "run.json", "samples/test.npz", "samples/test.sha256", "student.safetensors",
    "student.sha256", "submission.json", "train.jsonl",
]  # fmt: skip


def spoil(run, name, how):
    path = run.path / name
    path.unlink(missing_ok=True)
    ODD[how](path)


def of_all(name, n):
    """n kinds of oddities for a file, others for other files, and always the two that cannot be opened as a file."""
    rest = sorted(set(ODD) - {"a directory", "a fifo"})
    return ["a directory", "a fifo", *random.Random(name).sample(rest, n - 2)]


def look(sweep, results, odd, sound):
    """Every reader of many runs; the sound run is as it was."""
    states = sweep_plan.plan_sweep(sweep, results).states
    assert states[sound.run_id].state == "done"
    assert sweep_plan.plan_of_all_runs(results).states.keys() <= states.keys()
    history_of_run(odd)
    past_durations.mean_durations(results)
    scores = row_scores(sweep, lambda run_id: sweep_plan.open_run(results, run_id))
    done = ingest.ingest(results)
    with Store(results) as store:
        runs = store.runs()
        assert runs[sound.run_id].status == "done"
        assert set(store.frame("metrics").run_id) >= {sound.run_id}
    assert set(done.aside) <= {odd.run_id}
    return states[odd.run_id], runs.get(odd.run_id), scores


def test_the_list_of_files_is_that_of_a_real_run(place):
    assert names(place[2]) == FILES


@pytest.mark.parametrize("name", FILES)
def test_any_file_may_be_anything_and_only_its_run_is_spoilt(place, name):
    """Each kind of oddity in turn; the tables either have the run's true score or miss it."""
    sweep, results, odd, sound = place
    kept = results.with_name("kept")
    shutil.copytree(odd.path, kept)
    truth = {row.row_id: row.score for row in row_scores(sweep, lambda one: sweep_plan.open_run(results, one))}
    for how in of_all(name, 9):
        spoil(odd, name, how)
        state, indexed, scores = look(sweep, results, odd, sound)
        assert all(row.score in (None, truth[row.row_id]) for row in scores), how
        if how in ("a directory", "a fifo") and "/" not in name and name not in ("student.sha256", "notes.json"):
            assert state.state == "corrupt" and name in state.message, (how, state)
        if indexed and indexed.status == "corrupt":
            assert indexed.message and "\0" not in indexed.message, how
        shutil.rmtree(odd.path)
        shutil.copytree(kept, odd.path)


@pytest.mark.parametrize("name", FILES)
def test_the_sweep_goes_on_with_whatever_is_in_an_unfinished_run(place, name):
    """The run itself ends as done, failed or corrupt, in time and without an error that escapes."""
    sweep, results, odd, sound = place
    (odd.path / "DONE").unlink()
    kept, bench = results.with_name("kept"), Bench()
    shutil.copytree(odd.path, kept)
    expected = layout.sha256(odd.evaluation("test"))
    for how in of_all(name, 4):
        spoil(odd, name, how)
        if odd.run_id in sweep_plan.plan_sweep(sweep, results).ids_to_do:
            outcome = perform(odd, bench)
            assert outcome.status in ("done", "failed"), (how, outcome)
            if outcome.status == "done":
                assert layout.sha256(odd.evaluation("test")) == expected, how
        look(sweep, results, odd, sound)
        shutil.rmtree(odd.path)
        shutil.copytree(kept, odd.path)


@pytest.mark.parametrize("seed", range(3))
def test_random_bytes_anywhere_in_a_run(place, seed):
    """Bytes changed, cut or added at random places of every text file, many times, seeded."""
    sweep, results, odd, sound = place
    rng = random.Random(seed)
    texts = [name for name in FILES if (odd.path / name).is_file() and not name.endswith(("npz", "png", "tensors"))]
    originals = {name: (odd.path / name).read_bytes() for name in texts}
    for _ in range(12):
        name = rng.choice(texts)
        data = bytearray(originals[name])
        for _ in range(rng.choice([1, 1, 5, 50])):
            at = rng.randrange(len(data) + 1)
            data[at : at + rng.choice([0, 1, 1, 20])] = rng.choice(
                [b"", rng.randbytes(1), b"[", b"{", b"\0", b'"', b"9"]
            )
        (odd.path / name).unlink()
        (odd.path / name).write_bytes(bytes(data))
        state_of(odd)
        look(sweep, results, odd, sound)
        (odd.path / name).write_bytes(originals[name])


def test_a_folder_that_is_a_file_or_a_link_to_itself_is_one_corrupt_run(place):
    sweep, results, odd, sound = place
    shutil.rmtree(odd.path)
    odd.path.write_text("not a folder")
    state, _, _ = look(sweep, results, odd, sound)
    assert state.state == "corrupt"


def test_the_doors_say_corrupt_and_why_and_do_the_rest(place, tiny, made, capsys):
    _sweep, results, odd, _sound = place
    spoil(odd, "events.jsonl", "a fifo")
    words = [str(made / "tiny.yaml"), "optim.steps=2", "seeds=[0]", "evaluation.images_per_prompt=1"]
    assert status.main([*words, "--results", str(results)]) == 1
    out = capsys.readouterr().out
    assert "corrupt" in out and "events.jsonl is not a file" in out and " done " in out
    assert report.main([*words, "--results", str(results), "--no-figures"]) == 0
    assert f"Run {odd.run_id} is corrupt and left out: events.jsonl is not a file" in capsys.readouterr().err
    plan = collect.plan_cleanup(results, [str(made / "tiny.yaml")])
    assert odd.path not in [found.path for found in plan.found] and "is left alone" in plan.text()
    assert status.main([odd.run_id, "--results", str(results)]) == 1
