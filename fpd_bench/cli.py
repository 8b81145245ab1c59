"""How every command parses and ends: no password in what it says, one line at Ctrl-C.

`fpd-bench VERB` and `python -m fpd_bench.VERB` are one command under two names; its help speaks of the name in use.
"""

import argparse
import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from fpd_bench.errors import FpdError, UnknownName
from fpd_bench.secrets_mask import mask, remember_urls

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

COMMAND = "fpd-bench"
KINDS = {"int": "a whole number", "float": "a number"}
DISK_ERROR = "Cannot write or read: {error}. Name another file or folder."
STOPPED = 130  # exit code of a command that Ctrl-C ended, as shells have it


def out_file(text: str, *endings: str) -> Path:
    """Read the name of a file to write: not a folder's, which a file must never replace, and with one of `endings`."""
    path = Path(text)
    if path.is_dir() or not path.name:
        raise argparse.ArgumentTypeError(f"'{text}' is a folder: name a file in it")
    if endings and path.suffix.lower() not in endings:
        raise argparse.ArgumentTypeError(f"'{text}' must end in {' or '.join(endings)}")
    return path


class Parser(argparse.ArgumentParser):
    """argparse, in our words, and without a password that a mistyped word may hold."""

    def __init__(self, prog: str | None = None, **how: Any):
        super().__init__(prog=as_called(prog) if prog else prog, **how)  # before usage is laid out under it

    def error(self, message: str) -> NoReturn:
        """Say in one line what is wrong and where help is; exit code 2."""
        self.exit(2, f"{self._in_our_words(message)} All words: {self.prog} --help\n")

    def _in_our_words(self, message: str) -> str:
        """Say argparse's message as ours are said: the value, the valid choices, the nearest one."""
        what, _, said = message.partition(": ")
        if what == "the following arguments are required":
            missing = [name for name in said.split(", ") if name != "key=value"]  # of these there may be none
            return f"Missing: {', '.join(missing)}."
        if what == "unrecognized arguments":
            options = [name for name in self._option_string_actions if name.startswith("--")]
            word = said.split()[0]
            return (
                str(UnknownName("option", word.partition("=")[0], options)) if word[0] == "-" else f"Not read: {said}."
            )
        what = what.removeprefix("argument ")
        found = re.match(r"invalid choice: '(.*)' \(choose from (.*)\)", said, re.S)
        if found:
            return str(UnknownName("command", found[1], re.findall(r"'(.*?)'", found[2])))
        found = re.match(r"invalid (\w+) value: (.*)", said, re.S)
        if found:
            return f"{what} must be {KINDS.get(found[1], found[1])}; got {found[2]}."
        if said.startswith("expected"):
            return f"{what} needs a value."
        return f"{message.removeprefix('argument ')}."

    def _print_message(self, message: str, file: "SupportsWrite[str] | None" = None) -> None:
        super()._print_message(mask(as_called(message)), file)


_called: list[str] = []  # the command's name, once `call_as_command` was told it


def call_as_command() -> None:
    """Let help and usage speak of `fpd-bench VERB`."""
    _called[:] = [COMMAND]


def as_called(text: str) -> str:
    """Replace `python -m fpd_bench.VERB` in a text by the command that the user has typed."""
    return re.sub(r"python -m fpd_bench\.(?:evals\.)?(?=\w)(?!worker)", f"{COMMAND} ", text) if _called else text


def seconds(text: str) -> float:
    """Read the seconds between two looks of --watch. Raises ArgumentTypeError, which argparse says in its own words."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"must be 0.1 to 3600 seconds; got {text}")
    return value


def carry_out(door: Callable[[], int | None], on_disk_error: str = "") -> int:
    """Call what a command does; return its exit code (None: 0), with an error of ours in one line.

    on_disk_error: what to say of an OSError, with {error} for its words; exit code 2. Without it such an error is ours.
    """
    try:
        return door() or 0
    except FpdError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except OSError as error:
        if not on_disk_error:
            raise
        print(on_disk_error.format(error=error), file=sys.stderr)
        return 2


def leave(main: Callable[[], int]) -> NoReturn:
    """Exit with main's code. A reader that has seen enough (`| head`) is no error: the rest is not printed.

    Ctrl-C is one line and 130. An error of ours is its traceback and 1, without passwords that it may quote.
    """
    remember_urls(sys.argv)
    try:
        code: int | str | None = _code(main)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the interpreter's own last flush
        code = 0
    except KeyboardInterrupt:
        print("Stopped by Ctrl-C.", file=sys.stderr)
        code = STOPPED
    except Exception:
        sys.stderr.write(mask(traceback.format_exc()))
        code = 1
    sys.exit(code)


def _end_in_one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """End as `leave` does where Ctrl-C comes before it: while a command still imports its modules."""
    if not issubclass(kind, KeyboardInterrupt):
        return sys.__excepthook__(kind, error, trace)
    print("Stopped by Ctrl-C.", file=sys.stderr, flush=True)
    os._exit(STOPPED)  # else the interpreter would end itself by the signal


sys.excepthook = _end_in_one_line  # every command imports this module before any that takes time


def _code(main: Callable[[], int]) -> int | str | None:
    try:
        return main()
    except SystemExit as end:  # argparse, after --help
        return end.code
