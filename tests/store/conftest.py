"""A PostgreSQL server that lasts for the tests of this folder."""

import pytest

from tests.store.postgres import running_server


@pytest.fixture(scope="session")
def server():
    """Its URL. Tests share its database, so each begins with `ingest.rebuild`."""
    with running_server() as url:
        yield url
