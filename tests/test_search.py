"""The command `search`: on real tiny runs, from --dry-run to the page, the export and best.yaml."""

import json
import signal
from pathlib import Path
from urllib.request import urlopen

import pytest

from fpd_bench import report, search, status, sweep
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.runs.execute.sweep_plan import open_run

FILE = """\
name: toy
seeds: [100, 101]
profiles: {{embedded: [{base}]}}
space:
  start.temperature: tag(log, interval(0.1, 3))
  drift.bandwidths: "subset(0.2, 0.5, 1, 2; min=1, max=3)"
baseline: ["drift.bandwidths=[0.5,1,2]"]
sampler: tpe
trials: 4
parallel: 2
race: {{keep: 2, steps: [10]}}
confirm: {{seeds: [0, 1]}}
"""


@pytest.fixture
def file(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "toy.yaml"
    path.write_text(FILE.format(base=", ".join(f'"{text}"' for text in tiny.BASE)))
    return str(path)


def test_a_dry_run_shows_what_would_be_done_and_leaves_nothing(file, tmp_path, capsys):
    assert search.main([file, "--dry-run"]) == 0
    out = capsys.readouterr().out
    for words in (
        "Space:",
        "start.temperature = tag(log, interval(0.1, 3))",
        "Budget: 4 trials, 2 at once",
        "Time of a trial:",
    ):
        assert words in out
    assert out.count("\n  trial ") == 4 and "trial 0: start.temperature=0.3, drift.bandwidths=[0.5,1,2]" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["toy.yaml"]


def test_the_first_trials_of_a_dry_run_are_those_that_are_run(file, capsys):
    search.main([file, "--dry-run"])
    first = [line.strip() for line in capsys.readouterr().out.splitlines() if line.startswith("  trial ")][:2]
    assert search.main([file, "executor=inline", "search.trials=2"]) == 0
    page = Path("reports/toy-embedded/trials.csv").read_text()
    for line in first:
        assert line.partition("temperature=")[2].partition(",")[0] in page


@pytest.mark.slow
def test_a_search_ends_with_a_page_an_export_and_a_sweep_of_the_winner(file, tmp_path, capsys):
    assert search.main([file, "executor=inline"]) == 0
    out = capsys.readouterr().out
    for words in ("promised", "confirmed", "winner's curse", "Verdict: ", "reports/toy-embedded/best.yaml"):
        assert words in out
    page = (tmp_path / "reports/toy-embedded/index.html").read_text()
    assert "figures/history.png" in page and "Budget spent: 4 of 4 trials" in page
    written = {path: path.read_bytes() for path in (tmp_path / "reports").rglob("*.*")}
    assert search.main([file, "executor=inline"]) == 0  # nothing is left to do, and nothing changes
    assert {path: path.read_bytes() for path in (tmp_path / "reports").rglob("*.*")} == written

    best = "reports/toy-embedded/best.yaml"
    for run_id in load_sweep(best).runs():  # the confirmation has made them all
        assert open_run(tmp_path / "results", run_id).is_done()
    capsys.readouterr()
    assert sweep.main([best]) == 0 and "0 to do" in capsys.readouterr().err
    assert report.main([best, "--out", "reports", "--no-figures"]) == 0

    assert status.main([file]) == 0
    told = capsys.readouterr().out
    assert "confirmed winner seed 0" in told and "interrupted" in told


@pytest.mark.slow
def test_the_dashboard_opens_an_export_and_serves_its_trials(file, tmp_path, capsys, tiny):
    import subprocess
    import sys

    search.main([file, "executor=inline"])
    assert search.main([file, "--export", "study.db"]) == 0
    assert "optuna-dashboard sqlite:///study.db" in capsys.readouterr().out
    code = "import sys, optuna_dashboard as d; d.run_server(sys.argv[1], host='127.0.0.1', port=int(sys.argv[2]))"
    port = free_port()
    command = [sys.executable, "-c", code, f"sqlite:///{tmp_path / 'study.db'}", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        address = f"http://127.0.0.1:{port}/api/studies"
        (study,) = tiny.wait_until(lambda: answer(address, server))["study_summaries"]
        assert study["study_name"] == "toy@embedded"
        trials = answer(f"{address}/{study['study_id']}", server)["trials"]
        assert len(trials) == 4 and {trial["state"] for trial in trials} <= {"Complete", "Pruned"}
        assert any(param["name"] == "drift.bandwidths[0.5]" for param in trials[0]["params"])
    finally:
        server.terminate()
        server.wait(30)


def answer(address, server):
    """What the API says; None while it is not up."""
    assert server.poll() is None, server.stderr.read()
    try:
        with urlopen(address, timeout=20) as reply:
            return json.load(reply)
    except OSError:
        return None


def free_port():
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.mark.slow
def test_a_search_killed_by_force_ends_as_the_same_study(file, tmp_path, tiny):
    words = ("search", file, "executor=inline", "search.trials=6")
    whole = tiny.call(*words, "--results", tmp_path / "whole", "--out", tmp_path / "one")
    assert whole[0] == 0, whole[2]
    runs = tmp_path / "broken" / "runs"
    for there in (1, 3, 4, 6):  # run directories, after whose making it dies
        process = tiny.start(*words, "--results", tmp_path / "broken", "--out", tmp_path / "two")
        tiny.wait_until(lambda there=there: len(list(runs.glob("*"))) >= there)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=120)
    last = tiny.call(*words, "--results", tmp_path / "broken", "--out", tmp_path / "two")
    assert last[0] == 0, last[2]
    assert trials_of(tmp_path / "one") == trials_of(tmp_path / "two")
    assert last[1].splitlines()[:6] == whole[1].splitlines()[:6]


def trials_of(out):
    """Every trial without what it took."""
    import pandas as pd

    return (
        pd.read_csv(out / "toy-embedded" / "trials.csv", keep_default_na=False)
        .drop(columns="seconds")
        .to_dict("records")
    )


WRONG = {
    "Unknown sampler 'tpee'": ["search.sampler=tpee"],
    "--detach needs executor=slurm": ["--detach"],
    "Unknown field 'optim.stepps'": ["optim.stepps=3"],
}


@pytest.mark.parametrize("message", WRONG)
def test_a_mistake_is_one_line_and_exit_code_2(file, tmp_path, capsys, message):
    assert search.main([file, *WRONG[message]]) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1 and not (tmp_path / "results").exists()
