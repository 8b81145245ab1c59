"""A package outside this tree adds an estimator, a method, a track and a metric: run, reported, recorded, hashed.

Only its entry points say that it is there; no module of this tree names it. It is the package of examples/plugin, which
`fpd-bench new plugin NAME` writes under another name: that one is installed by pip, outside of the tree.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent


class Outside:
    """The package in a git checkout of its own, and commands that see it."""

    def __init__(self, folder):
        self.folder, self.package = folder, folder / "theirs"
        shutil.copytree(ROOT / "examples" / "plugin", self.package, ignore=shutil.ignore_patterns("__pycache__"))
        self.git("init", "-q")
        self.git("add", ".")
        self.git("-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", "first")
        metadata = "from setuptools import build_meta; build_meta.prepare_metadata_for_build_wheel('.')"  # entry points
        subprocess.run([sys.executable, "-c", metadata], cwd=self.package, check=True, capture_output=True)
        shutil.copy(self.package / "outside.yaml", folder)

    def git(self, *arguments):
        subprocess.run(["git", *arguments], cwd=self.package, check=True, capture_output=True)

    def run(self, door, *arguments, code=0):
        path = os.pathsep.join([str(self.package), str(ROOT)])
        command = [sys.executable, "-m", f"fpd_bench.{door}", *arguments]
        environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def sweep(self, *overrides, code=0):
        return self.run("sweep", "outside.yaml", *overrides, code=code)

    def runs(self):
        """{id: (configuration's meaning, first attempt)}"""
        folders = sorted((self.folder / "results" / "runs").iterdir())
        return {
            one.name: (
                json.loads((one / "run.json").read_text()),
                json.loads((one / "attempts" / "1.json").read_text()),
            )
            for one in folders
        }


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    made = Outside(tmp_path_factory.mktemp("outside"))
    (made.package / "fpd_outside" / "method.py").open("a").write("# a change that is not committed\n")
    made.told = made.sweep()
    return made


def test_its_runs_are_made_and_named_by_its_own_settings_and_versions(outside):
    meanings = [meaning for meaning, _ in outside.runs().values()]
    assert len(meanings) == 4
    imitating = [one for one in meanings if one["semantic"]["method"] == "imitate"]
    assert {one["semantic"]["plugin.imitate.target"] for one in imitating} == {"soft", "hard"}
    assert imitating[0]["plugins"] == {"track:outside": 1, "method:imitate": 1}
    assert "estimator" not in imitating[0]["semantic"] and "drift.bandwidths" not in imitating[0]["semantic"]
    (sharp,) = [one for one in meanings if one["semantic"].get("estimator") == "sharp"]
    assert sharp["semantic"]["plugin.sharp.temperature"] == 0.5 and sharp["plugins"]["estimator:sharp"] == 1


def test_its_metric_is_reported_with_its_digits(outside):
    outside.run("report", "outside.yaml", "--no-figures")
    table = next((outside.folder / "results/report").glob("*methods.md")).read_text()
    assert "Bright" in table and "Probabilities" in table
    assert re.search(r"\b0\.\d{4}\b", table), table


def test_its_track_is_planned_with_what_it_costs(outside):
    told = outside.sweep("plan.gpu=H100", "seeds=[1]", "--dry-run")
    assert re.search(r"GPU-hours", told) and "not estimated" not in told, told


def test_a_metric_or_a_preset_that_its_track_has_not_is_refused_before_work(outside):
    other = outside.folder / "other.yaml"
    text = (ROOT / "examples/plugin/outside.yaml").read_text()
    other.write_text(text.replace("name: outside\n", "name: other\n").replace("bright_share", "counting"))
    told = outside.run("sweep", "other.yaml", "--dry-run", code=2)
    assert "the suite of track 'outside' has no metric 'counting'; it has bright_share." in told, told
    told = outside.sweep("track.preset=larger", "--dry-run", code=2)
    assert "Unknown preset of track outside 'larger'. Available: default." in told, told
    told = outside.sweep("start.r_init=0.1", "--dry-run", code=2)
    assert "start.r_init=0.1 masks none of the 4 tokens of track 'outside'" in told, told


def test_an_attempt_records_its_package_and_what_is_not_committed(outside):
    attempts = [attempt for meaning, attempt in outside.runs().values() if meaning["semantic"]["method"] == "imitate"]
    theirs = attempts[0]["plugin_packages"]["fpd-outside"]
    assert theirs["version"] == "1.2" and theirs["git"]["dirty"]
    assert "a change that is not committed" in theirs["git"]["diff"]
    assert len(theirs["files_sha256"]) == 64


def test_its_settings_are_typed_and_checked_like_ours(outside):
    told = outside.sweep("plugin.imitate.weight=-1", "--dry-run", code=2)
    assert "plugin.imitate.weight must be more than 0; got -1.0" in told
    told = outside.sweep("plugin.imitate.wieght=1", "--dry-run", code=2)
    assert "Did you mean 'plugin.imitate.weight'?" in told
    told = outside.sweep("plugin.imitat.weight=1", "--dry-run", code=2)
    assert "Unknown plugin 'imitat'. Did you mean 'imitate'?" in told


def test_a_second_call_finds_everything_done_and_another_version_makes_new_runs(outside):
    assert "4 done, 0 to do" in outside.sweep("--dry-run")
    declared = outside.package / "fpd_outside" / "declared.py"
    text = declared.read_text()
    declared.write_text(text.replace("reads=(), settings", "reads=(), version=2, settings"))
    assert "3 done, 1 to do" in outside.sweep("--dry-run")
    declared.write_text(text)


def test_the_copy_for_batch_jobs_holds_its_code_and_remembers_the_original(outside):
    code = (
        "import sys; from pathlib import Path; from fpd_bench.config.compose import compose;"
        "from fpd_bench.runs.slurm.code_snapshot import take_snapshot;"
        "print(take_snapshot(Path('results'), [compose(['method=imitate', 'track.name=outside'])]))"
    )
    path = os.pathsep.join([str(outside.package), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=outside.folder, env=os.environ | {"PYTHONPATH": path}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    copy = Path(done.stdout.strip())
    assert (copy / "fpd_outside" / "method.py").is_file() and (copy / "fpd_bench" / "sweep.py").is_file()
    assert json.loads((copy / "code.json").read_text())["plugin_packages"]["fpd-outside"]["git"]["dirty"]


# ------------------------------------------------------------------------------------------------- fpd-bench new plugin
@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """(folder of the package, folder that pip has installed it into)."""
    folder = tmp_path_factory.mktemp("new")
    told = subprocess.run(
        [sys.executable, "-m", "fpd_bench.new", "plugin", "glare", "--into", str(folder)],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert told.splitlines()[0] == str(folder / "fpd-glare")
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(folder / "site"), str(folder / "fpd-glare")], check=True, capture_output=True)
    return folder / "fpd-glare", folder / "site"


def test_a_new_package_is_installed_and_run_under_its_own_names(installed, tmp_path):
    package, site = installed
    path = os.pathsep.join([str(site), str(ROOT)])

    def run(door, *words):
        done = subprocess.run(
            [sys.executable, "-m", f"fpd_bench.{door}", str(package / "glare.yaml"), *words], cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    assert "4 runs" in run("sweep", "executor=inline")
    meanings = [json.loads(path.read_text()) for path in (tmp_path / "results/runs").glob("*/run.json")]
    assert {plugin for one in meanings for plugin in one["plugins"]} == {
        "track:glare", "method:glare_imitate", "method:fpd", "estimator:ste", "estimator:glare_sharp", "draft:student",
        "space:pixel",
    }  # fmt: skip
    assert "Probabilities" in run("report", "--no-figures")


def test_nothing_of_the_templates_own_name_is_left(installed):
    package, _ = installed
    text = "".join(path.read_text() for path in package.rglob("*") if path.is_file())
    assert "outside" not in text.lower() and "the student's logits imitate" in text


@pytest.mark.parametrize("name", ["Glare", "a", "a-b", "../x", ""])
def test_a_name_that_no_package_can_have_is_refused(name, tmp_path, capsys):
    from fpd_bench import new

    assert new.main(["plugin", name, "--into", str(tmp_path)]) == 2
    assert "cannot be the name" in capsys.readouterr().err and not [*tmp_path.iterdir()]
