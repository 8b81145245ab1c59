"""The index's address: taken from the command line, its password kept out of what is said."""

import subprocess
import sys
from pathlib import Path

import pytest

from fpd_bench import secrets_mask
from fpd_bench.errors import ConfigError
from fpd_bench.store import address

URL = "postgresql+psycopg://me:hunter2secret@host/db"


def test_it_is_taken_out_of_the_arguments_and_wins_over_the_variable(monkeypatch):
    assert address.take_url(["a.yaml", f"store.url={URL}", "--x"]) == (URL, ["a.yaml", "--x"])
    assert address.take_url(["a.yaml"]) == (None, ["a.yaml"])
    monkeypatch.setenv("FPD_STORE_URL", "sqlite:///b.sqlite")
    assert address.take_url([]) == ("sqlite:///b.sqlite", [])
    assert address.take_url([f"store.url={URL}"])[0] == URL
    assert address.default_url(Path("r")) == "sqlite:///b.sqlite"


@pytest.mark.parametrize(
    "wrong",
    [
        [f"store.url={URL}"] * 2,
        ["store.url=host"],
        ["store.url=foo://a:hunter2secret@b/d"],
        ["store.url=postgresql://a:hunter2secret@b@c/d"],
        ["store.url=postgresql+psycopg:me:hunter2secret@host/db"],
        ["store.url=postgresql:/me:hunter2secret@host/db"],
        ["store.url=postgresql://me:hunter2secret@host:port/db"],
        ["store.url=postgresql://me:hunter2secret@host,other:1,2/db"],
    ],
)
def test_a_wrong_one_is_told_without_its_password(wrong):
    with pytest.raises(ConfigError) as caught:
        address.take_url(wrong)
    assert "hunter2secret" not in str(caught.value)


def test_every_error_and_masked_text_hides_a_password_that_was_once_given():
    address.take_url(["mistyped=postgresql://me:p%40ss%2Fword@host/db"])
    assert str(ConfigError("near 'p%40ss%2Fword' or p@ss/word")) == "near '***' or ***"
    assert secrets_mask.mask("optim.lr=1e-3") == "optim.lr=1e-3"


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="elsewhere ps shows what it likes")
def test_the_command_line_that_ps_shows_loses_it():
    code = (
        "import sys; from fpd_bench.store import address; url, rest = address.take_url(None)\n"
        "print(open('/proc/self/cmdline').read().replace(chr(0), ' ') + repr(sys.argv)); print(url == input())"
    )
    command = [sys.executable, "-c", code, "x.yaml", f"store.url={URL}"]
    said = subprocess.run(command, input=URL, capture_output=True, text=True, check=True).stdout
    assert "hunter2secret" not in said and said.count("me:*************@host") == 2 and said.endswith("True\n")
