"""What is wrong with the index's place or its server is told by the driver's code, with what to do about it."""

import sqlite3

import pytest
import sqlalchemy as sa

from fpd_bench.errors import ConfigError, StoreError
from fpd_bench.store import ingest
from fpd_bench.store.query import Store
from tests.store.postgres import PASSWORD
from tests.store.synthetic_runs import write_run


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


@pytest.mark.parametrize("read", [lambda results, url: Store(results, url).runs(), ingest.ingest, ingest.rebuild])
def test_a_server_that_is_down_is_told_in_words_of_ours(tmp_path, read):
    pytest.importorskip("psycopg")
    with pytest.raises(StoreError) as caught:
        read(tmp_path, "postgresql+psycopg://me:secret@127.0.0.1:1/bench")
    assert str(caught.value).partition("index: ")[2] == (
        "the PostgreSQL server at host 127.0.0.1, port 1 does not answer (database bench). Start it, or correct host "
        "and port in store.url, and look with: pg_isready -h 127.0.0.1 -p 1"
    )


@pytest.mark.parametrize("option", ["nonsense=1", "connect_timeout=abc"])
def test_an_option_that_no_server_takes_is_the_users_mistake(tmp_path, option):
    pytest.importorskip("psycopg")
    with pytest.raises(ConfigError, match=f"{option.partition('=')[0]}.* Correct store.url: "):
        ingest.ingest(tmp_path, f"postgresql+psycopg://me@127.0.0.1:1/bench?{option}")


def test_a_missing_folder_of_an_index_that_is_to_be_written_is_told_with_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match="Its folder is missing, or may not be written to. Choose another place"):
        ingest.ingest(tmp_path, f"sqlite:///{tmp_path}/no/index.sqlite")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "user", "database"),
    [
        (lambda url: url.replace(PASSWORD, "wrong-word"), "bench", "postgres"),
        (lambda url: url.replace("/postgres?", "/nowhere?"), "bench", "nowhere"),
        (lambda url: url.replace("bench:", "nobody:"), "nobody", "postgres"),
    ],
)
def test_a_server_that_lets_us_not_in_is_told_from_one_that_is_down(server, tmp_path, change, user, database):
    with pytest.raises(StoreError) as caught:
        ingest.ingest(tmp_path, change(server))
    said = str(caught.value)
    assert f"answers, but does not let user {user} into database {database}. Correct user" in said
    assert "\n" not in said and PASSWORD not in said and "FATAL" not in said and "wrong-word" not in said


@pytest.mark.slow
def test_a_user_who_may_not_make_tables_is_told_so_without_the_statement(server, tmp_path):
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for words in ("CREATE DATABASE guarded", "CREATE ROLE reader LOGIN PASSWORD 'x1'"):
            connection.execute(sa.text(words))
    engine.dispose()
    with pytest.raises(StoreError, match="permission denied for schema public. Let the user of store.url make tables"):
        ingest.ingest(tmp_path, server.replace(f"bench:{PASSWORD}", "reader:x1").replace("/postgres?", "/guarded?"))


@pytest.mark.slow
def test_who_may_write_but_does_not_own_the_tables_goes_on_without_their_index(server, tmp_path):
    owner, mate = server, server.replace(f"bench:{PASSWORD}", "mate:x1")
    ingest.rebuild(tmp_path, owner)
    engine = sa.create_engine(owner, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for words in (
            "DROP INDEX ix_runs_method",  # as an older version made the tables
            "CREATE ROLE mate LOGIN PASSWORD 'x1'",
            "GRANT ALL ON ALL TABLES IN SCHEMA public TO mate",
        ):
            connection.execute(sa.text(words))
    write_run(tmp_path, "0" * 12, per_task=2)
    assert ingest.ingest(tmp_path, mate).read == 1
    assert not sa.inspect(engine).get_indexes("runs")
    ingest.ingest(tmp_path, owner)
    assert [one["column_names"] for one in sa.inspect(engine).get_indexes("runs")] == [["method"]]
    engine.dispose()


def test_an_older_sqlite_index_gets_what_it_lacks_and_says_the_same(tmp_path):
    write_run(tmp_path, "0" * 12, per_task=2)
    ingest.ingest(tmp_path)
    with Store(tmp_path) as store:
        before = store.content_hash()
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'index.sqlite'}")
    with engine.begin() as connection:
        connection.execute(sa.text("DROP INDEX ix_runs_method"))
    ingest.ingest(tmp_path)
    assert [one["column_names"] for one in sa.inspect(engine).get_indexes("runs")] == [["method"]]
    with Store(tmp_path) as store:
        assert store.content_hash() == before
    engine.dispose()
