"""docs/adding.md, carried out on a copy of the tree: it touches as many files as it says, and what it adds works.

A block whose title is a file of this tree goes to its end, or is the file if there is none; a block `diff` is applied.
"""

import importlib.util
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.distill.method import Method
from fpd_bench.generators.base import Generator

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/adding.md").read_text()
BLOCK = re.compile(r'^```(\w+) title="([^"]+)"\n(.*?)^```$', re.M | re.S)
KINDS = ["An estimator", "A method", "A metric", "A switch", "A track"]
SWEEP = "name: new\nmetric: {}\nseeds: [0]\ntables:\n  - {{id: a, grid: [{}]}}\n"


def section(title):
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)[1]


def changed(text, lines):
    """Replace the context and the lines with `-` by the context and the lines with `+`; they must stand there once."""
    old = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
    new = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
    assert text.count(old) == 1, f"these lines stand {text.count(old)} times in the file:\n{old}"
    return text.replace(old, new)


class Copy:
    """A copy of the package and of its contracts, with every addition of the page in it."""

    def __init__(self, folder):
        self.folder, self.touched = folder, {}
        quiet = shutil.ignore_patterns("__pycache__")
        for part in ("fpd_bench", "tests/contracts"):
            shutil.copytree(ROOT / part, folder / part, ignore=quiet)
        for part in ("tests/conftest.py", "pyproject.toml"):
            shutil.copy(ROOT / part, folder / part)
        for title in KINDS:
            self.touched[title] = {self.apply(*block) for block in BLOCK.findall(section(title))}

    def apply(self, language, name, content):
        path = self.folder / name
        if language == "diff":
            path.write_text(changed(path.read_text(), content.splitlines()))
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{path.read_text()}\n\n{content}" if path.exists() else content)
        return name

    def run(self, *command, code=0):
        environment = os.environ | {"PYTHONPATH": str(self.folder), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, *map(str, command)], cwd=self.folder, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr

    def contracts(self, file, words):
        return self.run("-m", "pytest", "-p", "no:cacheprovider", f"tests/contracts/{file}.py", "-k", words)

    def plan(self, metric, grid, *words, code=0):
        (self.folder / "new.yaml").write_text(SWEEP.format(metric, grid))
        return self.run("-m", "fpd_bench.sweep", "new.yaml", *words, "--dry-run", code=code)

    def run_id(self, *overrides):
        code = "import sys; from fpd_bench.config.compose import compose; from fpd_bench.config.identity import run_id;"
        return self.run("-c", f"{code} print(run_id(compose(sys.argv[1:])))", *overrides).strip()


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    return Copy(tmp_path_factory.mktemp("copy"))


@pytest.mark.parametrize("title", [kind for kind in KINDS if kind != "A track"])
def test_as_many_files_are_touched_as_the_page_says(title, copy):
    told = int(re.search(r"^\*\*(\d) files\*\*", section(title), re.M)[1])
    assert len(copy.touched[title]) == told, copy.touched[title]


def test_a_track_is_one_package_and_one_line(copy):
    assert "**1 package and 1 line.**" in section("A track")
    outside = {name for name in copy.touched["A track"] if not name.startswith("fpd_bench/tracks/greys/")}
    added = [lines for language, name, lines in BLOCK.findall(section("A track")) if name in outside]
    assert len(outside) == len(added) == 1
    assert [line[0] for line in added[0].splitlines()].count("+") == 1 and "\n-" not in added[0]


@pytest.mark.slow
def test_the_estimator_keeps_its_contract(copy):
    assert " passed" in copy.contracts("test_every_estimator", "sharp_ste")
    assert "planned" in copy.plan("overall", '"estimator=sharp_ste"')


@pytest.mark.slow
def test_the_method_keeps_its_contract(copy):
    assert " passed" in copy.contracts("test_every_method", "imitate")


@pytest.mark.slow
def test_the_method_is_planned_with_its_own_field_and_what_it_costs(copy):
    told = copy.plan("overall", '"method=imitate", "imitate.weight=1,2"', "plan.gpu=H100")
    assert "GPU-hours" in told and "2 to do" in told


@pytest.mark.slow
def test_the_metric_is_planned_and_measured(copy):
    assert "planned" in copy.plan("spread", '"evaluation.fidelity=lite0"')
    assert "has no metric 'spread'" in copy.plan("spread", '"method=teacher"', code=2)
    spec = importlib.util.spec_from_file_location("images", ROOT / "tests/evals/fidelity/conftest.py")
    helpers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(helpers)
    for n, name in enumerate(("made", "real")):
        (copy.folder / name).mkdir()
        for i, image in enumerate(helpers.random_images(20, n, side=16)):
            helpers.Image.fromarray(image).save(copy.folder / name / f"{i:02d}.png")
    told = copy.run(
        "-m", "fpd_bench.evals.fidelity", "made", "--reference", "real", "--preset", "lite0", "--json", "--cache", "c"
    )
    assert json.loads(told[told.index("{") : told.rindex("}") + 1])["values"]["spread"] > 0


def test_the_switch_renames_the_runs_that_read_it_and_no_others(copy):
    from fpd_bench.config.compose import compose
    from fpd_bench.config.identity import run_id

    assert copy.run_id() == run_id(compose([])) != copy.run_id("drift.limit=0.1")
    assert copy.run_id("method=dimo", "drift.limit=0.1") == run_id(compose(["method=dimo"]))


def test_the_switch_does_something(copy):
    code = (
        "import torch\n"
        "from fpd_bench.config.schema import DriftConfig\n"
        "from fpd_bench.distill.drift import drift_loss\n"
        "for limit in (0.0, 1e-3):\n"
        "    x, y = torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(0)).unbind()\n"
        "    drift_loss(x.requires_grad_(), y, DriftConfig(limit=limit)).loss.backward()\n"
        "    print(float(x.grad.norm(dim=-1).max()))\n"
    )
    without, limited = map(float, copy.run("-c", code).split())
    assert without > 1e-3 >= limited * 0.999 > 0


@pytest.mark.slow
def test_the_track_is_planned_with_what_it_costs(copy):
    told = copy.plan("overall", '"track.name=greys"', "plan.gpu=H100")
    assert "GPU-hours" in told and "not estimated" not in told
    assert "has no metric 'counting'" in copy.plan("counting", '"track.name=greys"', code=2)
    assert "Unknown preset of track greys" in copy.plan("overall", '"track.name=greys","track.preset=x"', code=2)


@pytest.mark.slow
def test_the_track_keeps_its_contract(copy):
    assert " passed" in copy.contracts("test_every_track", "greys")


@pytest.mark.slow
def test_the_track_is_run_and_reported(copy):
    words = ["optim.steps=2", "optim.batch=8", "optim.samples_per_condition=4", "execution.grid_every=0"]
    (copy.folder / "greys.yaml").write_text(SWEEP.format("overall", '"track.name=greys"').replace("new", "greys"))
    copy.run("-m", "fpd_bench.sweep", "greys.yaml", *words)
    copy.run("-m", "fpd_bench.report", "greys.yaml", *words, "--no-figures", "--out", "out")
    assert re.search(r"\b0\.\d{3}\b", next((copy.folder / "out").glob("greys*.md")).read_text())


@pytest.mark.parametrize(("title", "protocol"), [("A method", Method), ("A method", Generator)])
def test_a_protocol_is_told_with_the_arguments_that_it_has(title, protocol):
    members = {name: inspect.signature(member) for name, member in inspect.getmembers(protocol, inspect.isfunction)}
    calls = [
        f"`{name}({', '.join(one for one in signature.parameters if one != 'self')})`"
        for name, signature in members.items()
        if not name.startswith("_")
    ]
    told = [*calls, *(f"`{name}`" for name in protocol.__annotations__)]
    assert len(calls) >= 1 and [words for words in told if words not in section(title)] == []


def test_no_call_is_told_that_a_method_lacks():
    told = re.findall(r"^\| .*?`(\w+)\(", section("A method"), re.M)
    assert told and all(hasattr(Method, name) for name in told)


def test_the_example_of_a_table_is_a_sweep(tmp_path):
    path = tmp_path / "estimators.yaml"
    path.write_text(re.search(r"```yaml\n(.*?)```", section("A table"), re.S)[1])
    (table,) = load_sweep(path).tables
    assert [row.id for row in table.rows] == ["soft", "ste"] and len(table.cells) == 6
