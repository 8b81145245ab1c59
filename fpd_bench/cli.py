"""How every `python -m fpd_bench...` parses and ends: no password in what it says, one line at Ctrl-C."""

import argparse
import os
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

from fpd_bench.secrets_mask import mask

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

STOPPED = 130  # exit code of a command that Ctrl-C ended, as shells have it


class Parser(argparse.ArgumentParser):
    """argparse, which quotes a mistyped word in full: also one that holds a password."""

    def _print_message(self, message: str, file: "SupportsWrite[str] | None" = None) -> None:
        super()._print_message(mask(message), file)


def seconds(text: str) -> float:
    """Read the seconds between two looks of --watch. Raises ArgumentTypeError, which argparse says in its own words."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"must be 0.1 to 3600 seconds; got {text}")
    return value


def leave(main: Callable[[], int]) -> NoReturn:
    """Exit with main's code. A reader that has seen enough (`| head`) is no error: the rest is not printed.

    Ctrl-C is one line and 130. An error of ours is its traceback and 1, without passwords that it may quote.
    """
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
