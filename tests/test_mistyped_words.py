"""A mistyped word at any command is told in one line of ours, with the nearest right one; argparse says nothing."""

from importlib import import_module

import pytest

TOLD = {
    "search": "Missing: file.",
    "search x.yaml --dryrun": "Unknown option '--dryrun'. Did you mean '--dry-run'?",
    "sweep -x": "Unknown option '-x'. Available: --cancel,",
    "sweep a.yaml b=c --detatch=5": "Unknown option '--detatch'. Did you mean '--detach'?",
    "sweep a.yaml --results": "--results needs a value.",
    "status --watch soon": "--watch: must be 0.1 to 3600 seconds; got soon.",
    "store.__main__": "Missing: command.",
    "store.__main__ chek": "Unknown command 'chek'. Did you mean 'check'? Available: check, export, gc, rebuild.",
    "tracks.__main__ biuld": "Unknown command 'biuld'. Did you mean 'build'?",
    "tracks.__main__ build shapes --steps many": "--steps must be a whole number; got 'many'.",
    "evals.geneval.__main__ score x": "Missing: --out.",
    "evals.geneval.__main__ scroe": "Unknown command 'scroe'. Did you mean 'score'?",
    "evals.geneval.__main__ score x --out y --threshold much": "--threshold must be a number; got 'much'.",
    "evals.fidelity.__main__": "Missing: IMAGES, --reference.",
    "sample": "Missing: RUN, PROMPT.",
    "sample a b --n many": "--n must be a whole number; got 'many'.",
    "worker": "Missing: RUN_DIR.",
    "worker a b": "Not read: b.",
    "clean --nope": "Unknown option '--nope'. Available: --dry-run, --help, --results, --yes.",
    "report --colour": "Unknown option '--colour'.",
}


@pytest.mark.parametrize("words", TOLD)
def test_it_is_told_in_one_line_of_ours(words, capsys):
    door, *rest = words.split()
    with pytest.raises(SystemExit) as end:
        import_module(f"fpd_bench.{door}").main(rest)
    out, err = capsys.readouterr()
    assert (end.value.code, out) == (2, "")
    assert err.startswith(TOLD[words]) and err.count("\n") == 1 and " --help\n" in err, err
    assert not [word for word in ("usage:", "error:", "invalid", "argument", "choose from") if word in err], err
