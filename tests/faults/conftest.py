"""The tiny track for tests of this folder, in this process for as long as a test lasts."""

from pathlib import Path

import pytest


@pytest.fixture
def tiny(monkeypatch):
    """The module of helpers in tests/runs/plugin, with the tiny track registered."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "runs" / "plugin")
    from fpd_bench.registry import tracks

    before = dict(tracks._entries)
    import tiny_bench
    import tiny_runs

    tracks._entries["tiny"] = (tiny_bench.TinyTrack, 1)
    yield tiny_runs
    tracks._entries.clear()
    tracks._entries.update(before)
