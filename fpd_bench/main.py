"""The command `fpd-bench`: one verb for each front door.

    fpd-bench sweep smoke --dry-run
    fpd-bench report smoke
    fpd-bench VERB --help

`python -m fpd_bench.VERB` does the same (geneval and fidelity: fpd_bench.evals.VERB). TAB completes verbs, fields and
their values, profiles, sweeps and run ids after one of:

    source <(fpd-bench completion bash)
    eval "$(fpd-bench completion zsh)"
    fpd-bench completion fish | source
"""

import sys
from collections.abc import Sequence
from importlib import import_module

import fpd_bench
from fpd_bench.cli import COMMAND, call_as_command, leave

DOORS = {  # verb: (module, function, what it is for); a module is imported when its verb is used
    "sweep": ("fpd_bench.sweep", "main", "run what a table is missing"),
    "report": ("fpd_bench.report", "main", "write tables, figures and a page"),
    "search": ("fpd_bench.search", "main", "search a space of settings, confirm the winner"),
    "status": ("fpd_bench.status", "main", "show where runs stand, or the history of one"),
    "config": ("fpd_bench.config.__main__", "main", "show a row's configuration, the fields, the schema"),
    "diff": ("fpd_bench.diff", "main", "compare two runs"),
    "tag": ("fpd_bench.tag", "main", "give runs tags and a note"),
    "archive": ("fpd_bench.archive", "main", "pack what a table stands on into one file"),
    "import": ("fpd_bench.archive", "import_main", "take such a file into the results here"),
    "new": ("fpd_bench.new", "main", "begin a package of plugins"),
    "sample": ("fpd_bench.sample", "main", "draw pictures for prompts of your own"),
    "tracks": ("fpd_bench.tracks.__main__", "main", "build, fetch and check what runs are measured on"),
    "store": ("fpd_bench.store.__main__", "main", "look after the index of all runs"),
    "clean": ("fpd_bench.clean", "main", "remove runs and files that no table needs"),
    "geneval": ("fpd_bench.evals.geneval.__main__", "main", "score a folder of images by GenEval"),
    "fidelity": ("fpd_bench.evals.fidelity.__main__", "main", "score a folder of images by FID and its kin"),
}
COMPLETION = "completion"
SHELLS = ("bash", "zsh", "fish")


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out the verb that comes first, with the words that follow; return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    call_as_command()
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if words[0] == "--version":
        print(f"{COMMAND} {fpd_bench.__version__}")
        return 0
    if words[0] == COMPLETION:
        return _completion(words[1:])
    if words[0] not in DOORS:
        from fpd_bench.errors import UnknownName

        print(UnknownName("verb", words[0], [*DOORS, COMPLETION]), file=sys.stderr)
        return 2
    module, function, _ = DOORS[words[0]]
    code: int = getattr(import_module(module), function)(words[1:])
    return code


def _help() -> str:
    verbs = {verb: says for verb, (_, _, says) in DOORS.items()}
    verbs[COMPLETION] = "print what makes a shell complete all this: bash, zsh or fish"
    lines = [f"  {verb:<12}{says}" for verb, says in verbs.items()]
    return "\n".join(
        [f"usage: {COMMAND} VERB ...", "", str(__doc__), "verbs:", *lines, "", "options: --help --version"]
    )


def _completion(shells: list[str]) -> int:
    """Print the words that a shell reads at its start."""
    if len(shells) != 1 or shells[0] not in SHELLS:
        print(f"Name your shell: {COMMAND} {COMPLETION} {{{','.join(SHELLS)}}}", file=sys.stderr)
        return 2
    from argcomplete.shell_integration import shellcode

    print(shellcode([COMMAND], shell=shells[0]))
    return 0


def run() -> None:
    """Run the command, or answer the shell that asks how to complete it, and exit."""
    from fpd_bench.completion import answer, asked

    if asked():
        call_as_command()
        answer(DOORS, [COMPLETION, *SHELLS])
    leave(main)
