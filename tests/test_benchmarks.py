"""Every benchmark can be read: what it imports is there. None of them is run."""

import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"


@pytest.mark.parametrize("script", sorted(path.name for path in FOLDER.glob("*.py")))
def test_a_benchmark_imports_what_is_there(script, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))  # as `python benchmarks/SCRIPT` has it
    assert runpy.run_path(str(FOLDER / script), run_name="imported")["__doc__"]


def test_the_list_of_benchmarks_is_complete():
    listed = (FOLDER / "README.md").read_text()
    assert not [path.name for path in FOLDER.glob("*.py") if f"`{path.name}`" not in listed]
