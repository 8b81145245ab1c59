"""Errors: one tree, exit codes, and messages that say what to write instead."""

import inspect

import pytest

from fpd_bench import errors
from fpd_bench.errors import AssetError, ConfigError, Diverged, FpdError, Interrupted, RunError, StoreError, UnknownName


def declared() -> list[type]:
    return [c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == errors.__name__]


def test_every_error_is_one_of_ours_and_drawn_in_the_tree():
    for error in declared():
        assert issubclass(error, FpdError)
        assert error.__name__ in (errors.__doc__ or ""), f"{error.__name__} is missing from the tree in errors.py"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError, 2),
        (UnknownName, 2),
        (AssetError, 2),
        (RunError, 1),
        (Diverged, 1),
        (Interrupted, 1),
        (StoreError, 1),
    ],
)
def test_exit_code_tells_a_wrong_request_from_a_failed_run(error, code):
    assert error.exit_code == code


def test_unknown_name_suggests_the_nearest_and_lists_all_sorted():
    message = str(UnknownName("estimator", "stee", ["ste", "soft"], where="sweeps/table3.yaml"))
    assert message == "Unknown estimator 'stee' in sweeps/table3.yaml. Did you mean 'ste'? Available: soft, ste."


def test_unknown_name_suggests_nothing_far_off():
    assert str(UnknownName("draft", "zzz", ["random"])) == "Unknown draft 'zzz'. Available: random."


def test_unknown_name_says_when_there_is_nothing_to_choose():
    assert str(UnknownName("track", "x", [])) == "Unknown track 'x'. Available: none."
