"""How every `python -m fpd_bench...` ends."""

import os
import sys
from collections.abc import Callable
from typing import NoReturn


def leave(main: Callable[[], int]) -> NoReturn:
    """Exit with main's code. A reader that has seen enough (`| head`) is no error: the rest is not printed."""
    try:
        code: int | str | None = _code(main)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the interpreter's own last flush
        code = 0
    sys.exit(code)


def _code(main: Callable[[], int]) -> int | str | None:
    try:
        return main()
    except SystemExit as end:  # argparse, after --help
        return end.code
