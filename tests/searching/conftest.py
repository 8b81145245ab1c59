"""Studies over recorded runs."""

import pytest

from tests.searching.recorded import Study


@pytest.fixture
def study(tmp_path):
    """Make a study: study(sampler="gp", trials=8) and so on; a name makes another folder."""

    def make(name="study", **words):
        return Study(tmp_path / name, **words)

    return make
