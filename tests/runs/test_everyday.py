"""What people do with runs that are there: compare two, tag them, take one back, pack them for another machine."""

import io
import json
import re
import signal
import tarfile
import time

import pytest

from fpd_bench import archive, diff, report, status, sweep, tag
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.records import layout
from fpd_bench.runs.folder.rundir import RunDir


@pytest.fixture
def made(tiny, tmp_path):
    """(sweep file, results with the sweep's two runs at seed 0)."""
    file, results = str(tiny.write_sweep(tmp_path)), tmp_path / "results"
    assert sweep.main([file, "executor=inline", "seeds=[0]", "--results", str(results)]) == 0
    return file, results


def ids(file):
    return list(load_sweep(file, ["seeds=[0]"]).runs())


# -------------------------------------------------------------------------------------------------------------- diff
def test_two_runs_are_compared_in_configuration_code_scores_and_pictures(made, capsys, tmp_path):
    file, results = made
    one, other = ids(file)
    attempt = results / "runs" / other / "attempts" / "1.json"
    attempt.write_text(json.dumps(json.loads(attempt.read_text()) | {"host": "another"}))
    capsys.readouterr()
    picture = tmp_path / "both.png"
    assert diff.main([one[:6], other, "--results", str(results), "--out", str(picture)]) == 0
    told = capsys.readouterr().out
    assert re.search(r"^  estimator +(soft +ste|ste +soft)$", told, re.M)
    assert "optim.lr" not in told
    assert re.search(r"^  host +\S+ +another$", told, re.M) and "code.version" not in told
    assert re.search(r"^  \S+ overall +\d\.\d{3} +\d\.\d{3}  [+-]\d\.\d{3}$", told, re.M)
    assert re.search(r"^  \S+: \d+ of \d+ images differ$", told, re.M)
    assert picture.is_file() == ("above" in told)


def test_a_run_compared_with_itself_has_no_difference(made, capsys):
    file, results = made
    capsys.readouterr()
    assert diff.main([ids(file)[0], ids(file)[0], "--results", str(results)]) == 0
    told = capsys.readouterr().out
    assert "configuration: no difference" in told and "code and machine: no difference" in told
    assert "+0.000" in told and ": 0 of " in told
    assert diff.main(["ffff", ids(file)[0], "--results", str(results)]) == 2


# -------------------------------------------------------------------------------------------------------------- tags
def test_tags_are_kept_with_the_runs_shown_and_reported_by(made, capsys, tmp_path):
    file, results = made
    place = ["--results", str(results)]
    one, other = ids(file)
    assert tag.main([file, "seeds=[0]", "+good", "+v1", *place]) == 0
    assert tag.main([other, "-good", "--note", "blurred circles", *place]) == 0
    assert json.loads((results / "runs" / other / layout.NOTES).read_text()) == {
        "tags": ["v1"], "note": "blurred circles",
    }  # fmt: skip
    capsys.readouterr()
    assert status.main([file, "seeds=[0]", *place]) == 0
    told = capsys.readouterr().out
    assert re.search(rf"^{one}.* good v1$", told, re.M) and re.search(rf"^{other}.* v1$", told, re.M)
    assert status.main([other, *place]) == 0
    assert "note: blurred circles" in capsys.readouterr().out
    assert status.main([other, "--json", *place]) == 0
    assert json.loads(capsys.readouterr().out)["tags"] == ["v1"]
    out = ["--no-figures", "--out", str(tmp_path / "report")]
    assert report.main([file, "seeds=[0]", "--tag", "good", *place, *out]) == 0
    said = (tmp_path / "report" / "tiny-a.md").read_text()
    assert "runs tagged good" in said and "1 of 1 runs finished" in said
    assert report.main([file, "seeds=[0]", "--tag", "goood", *place, *out]) == 2
    assert "Tags there are: good, v1" in capsys.readouterr().err


def test_a_tag_changes_no_number_and_a_wrong_one_is_refused(made, capsys):
    file, results = made
    place = ["--results", str(results)]
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    assert tag.main([ids(file)[0], "+two words", *place]) == 2
    assert tag.main([ids(file)[0], "good", *place]) == 2
    assert "write +good" in capsys.readouterr().err
    assert tag.main([ids(file)[0], "+good", *place]) == 0
    after = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    assert {path.name for path in after.keys() - before.keys()} == {layout.NOTES}
    assert all(after[path] == content for path, content in before.items())


def test_a_note_of_somebody_elses_making_is_no_harm(made, capsys):
    file, results = made
    (results / "runs" / ids(file)[0] / layout.NOTES).write_text('{"tags": 3, "note": [')
    assert status.main([file, "seeds=[0]", "--results", str(results)]) == 0


# ------------------------------------------------------------------------------------------------------------ cancel
def test_a_run_of_this_machine_is_cancelled_by_its_id(tiny, tmp_path, capsys):
    file, results = str(tiny.write_sweep(tmp_path)), tmp_path / "results"
    run = RunDir.create(results, next(iter(load_sweep(file).runs().values())))
    assert sweep.main(["--cancel", run.run_id, "--results", str(results)]) == 2
    assert f"Nobody works on run {run.run_id}" in capsys.readouterr().err
    process = tiny.start("worker", run.path, TINY_SECONDS="3")
    while not run.claim.exists():
        time.sleep(0.1)
    time.sleep(1.0)
    assert sweep.main(["--cancel", run.run_id[:8], "--results", str(results)]) == 0
    assert "was asked to stop" in capsys.readouterr().err
    said, _ = process.communicate(timeout=300)
    assert process.returncode in (1, -signal.SIGTERM), said
    assert not run.is_done()


# ----------------------------------------------------------------------------------------------------------- archive
@pytest.fixture
def packed(made, tmp_path, capsys):
    file, results = made
    out = tmp_path / "tiny.fpd.tar.gz"
    words = [file, "seeds=[0]", "--results", str(results), "--out", str(out)]
    assert archive.main(words) == 0
    first = out.read_bytes()
    assert archive.main(words) == 0 and out.read_bytes() == first  # equal runs, equal bytes
    assert capsys.readouterr().out.splitlines()[-1] == str(out)
    return out


def test_an_archive_is_reported_from_on_another_machine(made, packed, tmp_path, capsys):
    file, results = made
    there = tmp_path / "there"
    assert archive.import_main([str(packed), "--results", str(there)]) == 0
    printed = capsys.readouterr()
    assert "2 runs taken, 0 were here already" in printed.err
    words = printed.out.split()
    assert words[:2] == ["fpd-bench", "report"] and words[2] == str(there / "sweeps" / "tiny.yaml")
    assert report.main([word.strip("'") for word in words[2:]] + ["--no-figures"]) == 0
    assert report.main([file, "seeds=[0]", "--results", str(results), "--no-figures"]) == 0
    for name in ("tiny-a.csv", "tiny-a.md"):
        assert (there / "report" / name).read_bytes() == (results / "report" / name).read_bytes()
    kept = {path.name for path in (there / "runs").rglob("*")}
    assert not kept & {layout.CLAIM, layout.HEARTBEAT, layout.CHECKPOINTS} and layout.DONE in kept
    assert archive.import_main([str(packed), "--results", str(there)]) == 0
    assert "0 runs taken, 2 were here already" in capsys.readouterr().err


def test_a_run_with_other_results_is_not_overwritten(made, packed, tmp_path, capsys):
    there = tmp_path / "there"
    RunDir.create(there, next(iter(load_sweep(made[0], ["seeds=[0]"]).runs().values())))
    before = sorted(there.rglob("*"))
    assert archive.import_main([str(packed), "--results", str(there)]) == 2
    assert "Nothing was taken" in capsys.readouterr().err
    assert sorted(there.rglob("*")) == before


KEPT = {}  # one archive for all tests that only change it: it takes two trainings


@pytest.fixture
def some_archive(request, tmp_path):
    if not KEPT:
        KEPT["archive"] = request.getfixturevalue("packed").read_bytes()
    path = tmp_path / "kept.fpd.tar.gz"
    path.write_bytes(KEPT["archive"])
    return path


def rewritten(packed, change):
    """The archive with its list of (member, content) changed."""
    with tarfile.open(packed) as tar:
        members = [(one, tar.extractfile(one).read()) for one in tar.getmembers()]
    target = packed.with_name("hostile.tar.gz")
    with tarfile.open(target, "w:gz") as tar:
        for member, content in change(members):
            member.size = len(content) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(content))
    return target


def listed(members, **more):
    """The members with more files in the list, as an attacker would write it."""
    content = json.loads(members[0][1])
    content["files"] |= more
    return [(members[0][0], json.dumps(content).encode()), *members[1:]]


def member(name, kind=tarfile.REGTYPE, to=""):
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, to
    return made


ESCAPE = "runs/../../escaped"
RUN = "runs/0123456789ab"
HOSTILE = {
    "a path upwards": lambda m: [*listed(m, **{ESCAPE: "0"}), (member(ESCAPE), b"x")],
    "an absolute path": lambda m: [*listed(m, **{"/tmp/escaped": "0"}), (member("/tmp/escaped"), b"x")],
    "an unlisted path": lambda m: [*m, (member(ESCAPE), b"x")],
    "a symbolic link": lambda m: [*m, (member(f"{RUN}/samples", tarfile.SYMTYPE, "/tmp"), b"")],
    "a hard link": lambda m: [*m, (member(f"{RUN}/DONE", tarfile.LNKTYPE, "/etc/passwd"), b"")],
    "a device": lambda m: [*m, (member(f"{RUN}/DONE", tarfile.CHRTYPE), b"")],
    "a file that no run has": lambda m: [*listed(m, **{f"{RUN}/evil.py": "0"}), (member(f"{RUN}/evil.py"), b"x")],
    "another content": lambda m: [*m[:-1], (m[-1][0], m[-1][1] + b" ")],
    "a file less": lambda m: m[:-1],
    "a file twice": lambda m: [*m, m[-1]],
    "no list": lambda m: m[1:],
    "a list of another format": lambda m: [(m[0][0], m[0][1].replace(b'"format": 1', b'"format": 2')), *m[1:]],
    "a sweep's name that leads away": lambda m: [(m[0][0], m[0][1].replace(b'"tiny"', b'"../tiny"')), *m[1:]],
}


@pytest.mark.parametrize("how", HOSTILE)
def test_a_hostile_archive_is_refused_and_leaves_nothing(some_archive, tmp_path, capsys, how):
    there = tmp_path / "down" / "there"
    assert archive.import_main([str(rewritten(some_archive, HOSTILE[how])), "--results", str(there)]) == 2, how
    assert capsys.readouterr().err.count("\n") == 1
    assert [path for path in (tmp_path / "down").rglob("*") if path != there] == []


def test_an_archive_never_takes_the_place_of_a_folder(made, tmp_path, capsys):
    file, results = made
    (tmp_path / "thesis").mkdir()
    for folder in ("thesis", "."):
        with pytest.raises(SystemExit) as stopped:
            archive.main([str(file), "--results", str(results), "--out", str(tmp_path / folder)])
        assert stopped.value.code == 2 and "is a folder: name a file in it" in capsys.readouterr().err
    assert (tmp_path / "thesis").is_dir() and results.is_dir()


def test_damaged_images_are_not_packed(made, tmp_path, capsys):
    file, results = made
    images = next((results / "runs").glob("*/samples/*.npz"))
    images.write_bytes(b"foo")
    assert archive.main([file, "seeds=[0]", "--results", str(results), "--out", str(tmp_path / "x.tar.gz")]) == 2
    assert f"samples/{images.name} changed since it was finished" in capsys.readouterr().err


def test_what_is_no_archive_is_told(tmp_path, capsys):
    (tmp_path / "x.tar.gz").write_bytes(b"no archive")
    assert archive.import_main([str(tmp_path / "x.tar.gz"), "--results", str(tmp_path / "r")]) == 2
    assert archive.import_main([str(tmp_path / "none.tar.gz"), "--results", str(tmp_path / "r")]) == 2
    assert capsys.readouterr().err.count("cannot be read") == 2
