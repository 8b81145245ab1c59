"""A password in store.url is for the driver alone: after a real sweep it is in no file, no output and no `ps`."""

import subprocess
import threading
import time

import pytest

from fpd_bench.store.query import Store
from tests.store.postgres import PASSWORD, running_server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server():
    with running_server() as url:
        yield url


class Watch(threading.Thread):
    """Looks at the command lines of a process and its children for as long as it lives, once it has begun to speak."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.process, self.seen = process, []

    def run(self):
        group = str(self.process.pid)
        while self.process.poll() is None:
            shown = subprocess.run(
                ["ps", "-ww", "-o", "args=", "-s", group], capture_output=True, text=True, check=False
            )
            self.seen.append(shown.stdout)
            time.sleep(0.2)


def places(folder, word):
    """Files below that hold `word`, in whatever kind of file."""
    return [path for path in folder.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


def test_a_sweep_and_its_report_leave_the_password_nowhere(tiny, server, tmp_path):
    results, out = tmp_path / "results", tmp_path / "report"
    sweep, url = tiny.write_sweep(tmp_path), f"store.url={server}"
    one = [sweep, "estimator=ste", "seeds=[0]"]
    process = tiny.start("sweep", *one, url, "--results", results, TINY_SECONDS="0.02")
    tiny.wait_until(lambda: (results / "runs").is_dir() or process.poll() is not None, 600)
    watch = Watch(process)
    watch.start()
    said = list(process.communicate(timeout=900))
    watch.join(60)
    assert process.returncode == 0, said[1].replace(PASSWORD, "PASSWORD")
    assert "store.url=postgresql+psycopg://" in said[1], "the command for the report names the index"
    assert any("store.url=" in shown for shown in watch.seen), "ps was asked while it ran"
    with Store(results, server) as store:
        assert [run.status for run in store.runs().values()] == ["done"]
    for words in (
        ("status", *one, url, "--results", results),
        ("report", *one, url, "--results", results, "--out", out, "--no-figures"),
        ("store", "check", url, "--results", results),
        ("store", "export", url, "--results", results, "--format", "csv"),
        ("store", "rebuild", url, "--results", results),
        ("sweep", *one, url, url, "--results", results),
        ("sweep", *one, url.replace("store.url", "store.uri"), "--results", results),
        ("report", *one, url.replace("bench:", "be@nch:"), "--results", results),
        ("report", *one, url.replace("postgresql+psycopg", "postgres+nothing"), "--results", results),
        ("report", *one, url.replace(PASSWORD, f"{PASSWORD}/wrong"), "--results", results),
        ("worker", next((results / "runs").iterdir()), url),
    ):
        said += [str(part) for part in tiny.call(*words)]
    assert PASSWORD not in "".join(said)
    assert not any(PASSWORD in shown for shown in watch.seen)
    assert places(tmp_path, PASSWORD) == []
    assert (out / "index.html").exists() and places(tmp_path, "***"), "the command line is kept, masked"


def test_the_address_may_come_from_the_environment_which_workers_do_not_inherit(tiny, server, tmp_path):
    results, sweep = tmp_path / "results", tiny.write_sweep(tmp_path)
    one = [sweep, "estimator=soft", "seeds=[0]"]
    code, out, err = tiny.call("sweep", *one, "--results", results, FPD_STORE_URL=server)
    assert code == 0 and PASSWORD not in out + err
    with Store(results, server) as store:
        assert "done" in [run.status for run in store.runs().values()]
    assert places(tmp_path, PASSWORD) == []
