"""What is wrong with the index's place or its server is told by the driver's code, with what to do about it."""

import sqlite3

import pytest

from fpd_bench.errors import ConfigError, StoreError
from fpd_bench.store import ingest
from fpd_bench.store.query import Store


def test_a_folder_that_is_not_there_is_the_users_mistake(tmp_path):
    with pytest.raises(ConfigError, match="unable to open database file. Its folder is missing"):
        Store(tmp_path, f"sqlite:///{tmp_path}/no/index.sqlite").runs()


def test_an_index_that_somebody_writes_is_locked_and_not_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr("fpd_bench.store.index_schema.BUSY_MS", 50)
    ingest.ingest(tmp_path)
    other = sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    before = (tmp_path / "index.sqlite").stat().st_ino
    with pytest.raises(StoreError, match="is locked. Another process is using it"):
        ingest.ingest(tmp_path)
    assert (tmp_path / "index.sqlite").stat().st_ino == before
    other.close()


def test_a_server_that_is_down_is_asked_after(tmp_path):
    pytest.importorskip("psycopg")
    with pytest.raises(StoreError, match="Is the server up"):
        Store(tmp_path, "postgresql+psycopg://me:secret@127.0.0.1:1/bench").runs()
