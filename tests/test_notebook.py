"""The notebook of examples/ runs from its first cell to its last, in a folder with the runs that it speaks of."""

import os
import shutil
from pathlib import Path

import pytest

from fpd_bench import sweep

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_the_notebook_runs(tiny, tmp_path, monkeypatch):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweeps").mkdir()
    shutil.move(tiny.write_sweep(tmp_path), tmp_path / "sweeps" / "smoke.yaml")  # a smaller one under that name
    assert sweep.main(["smoke", "executor=inline", "seeds=[0]"]) == 0
    path = os.pathsep.join([str(Path(tiny.__file__).parent), str(ROOT)])
    monkeypatch.setenv("PYTHONPATH", path)
    book = nbformat.read(ROOT / "examples" / "table.ipynb", as_version=4)
    done = nbclient.NotebookClient(book, timeout=300, kernel_name="python3").execute(cwd=str(tmp_path))
    shown = [output for cell in done.cells for output in cell.get("outputs", [])]
    assert not [output for output in shown if output["output_type"] == "error"]
    assert "planned" in str(shown) and "done" in str(shown)
    assert (tmp_path / "results" / "report" / "index.md").is_file()
