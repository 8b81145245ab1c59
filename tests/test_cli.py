"""How a command ends: its exit code, and one line for what is not our mistake. One piece of code does it for all."""

from pathlib import Path

import pytest

import fpd_bench
from fpd_bench.cli import DISK_ERROR, carry_out
from fpd_bench.errors import AssetError, ConfigError


def raising(error):
    def door():
        raise error

    return door


@pytest.mark.parametrize(("given", "code"), [(None, 0), (0, 0), (1, 1), (130, 130)])
def test_what_a_command_returns_is_its_exit_code(given, code):
    assert carry_out(lambda: given) == code


@pytest.mark.parametrize("error", [ConfigError("not so"), AssetError("not so")])
def test_an_error_of_ours_is_one_line(error, capsys):
    assert carry_out(raising(error)) == error.exit_code != 0
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "not so\n")


def test_what_the_disk_refuses_is_one_line_where_the_command_says_so_and_else_our_mistake(capsys):
    assert carry_out(raising(OSError(28, "No space left")), DISK_ERROR) == 2
    assert capsys.readouterr().err == "Cannot write or read: [Errno 28] No space left. Name another file or folder.\n"
    with pytest.raises(OSError, match="No space left"):
        carry_out(raising(OSError(28, "No space left")))


def test_no_other_file_turns_an_error_into_an_exit_code():
    folder = Path(fpd_bench.__file__).parent
    found = [path.relative_to(folder) for path in folder.rglob("*.py") if ".exit_code" in path.read_text()]
    assert found == [Path("cli.py")]
