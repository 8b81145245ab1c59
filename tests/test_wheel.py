"""The wheel, installed away from the checkout, runs the paper's sweeps by name and knows what it is."""

import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
PARTS = ("fpd_bench", "sweeps", "examples", "pyproject.toml", "setup.py", "README.md", "LICENSE")
PIP = [sys.executable, "-m", "pip", "install", "-qq", "--no-index", "--no-deps", "--no-build-isolation"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder into which pip has installed a wheel of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / "tree" / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, folder / "tree" / part)
    subprocess.run([*PIP, "--target", str(folder / "site"), str(folder / "tree")], check=True, capture_output=True)
    shutil.rmtree(folder / "tree")
    return folder / "site"


def run(site, folder, *words):
    code = "from fpd_bench.main import run; run()"
    return subprocess.run(
        [sys.executable, "-P", "-c", code, *words], cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def test_it_runs_the_papers_sweeps_by_name_outside_a_checkout(site, tmp_path):
    for name in ("table3", "smoke"):
        told = run(site, tmp_path, "sweep", name, "--dry-run")
        assert told.returncode == 0, told.stderr
        assert "0 done" in told.stderr and " planned " in told.stdout
    assert not [*tmp_path.iterdir()]


def test_it_writes_a_package_of_plugins(site, tmp_path):
    assert run(site, tmp_path, "new", "plugin", "glare").returncode == 0
    assert (tmp_path / "fpd-glare" / "fpd_glare" / "declared.py").is_file()


def test_it_says_what_it_is(site):
    (found,) = metadata.distributions(name="fpd-bench", path=[str(site)])
    about = found.metadata
    assert {"Programming Language :: Python :: 3.11", "Typing :: Typed"} <= set(about.get_all("Classifier"))
    assert any("arxiv.org/abs/2605.21484" in url for url in about.get_all("Project-URL"))
    (command,) = [one for one in found.entry_points if one.group == "console_scripts"]
    assert command.name == "fpd-bench"
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == found.version and citation["license"] == "Apache-2.0"
