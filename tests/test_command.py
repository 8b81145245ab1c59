"""The command `fpd-bench`: its verbs are the front doors, it starts at once, and three shells complete its lines."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fpd_bench import main
from fpd_bench.config.fields import leaves

ROOT = Path(__file__).parent.parent
COMMAND = "import sys; from fpd_bench.main import run; run()"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder on PATH with the command in it, as an installation makes it."""
    made = tmp_path_factory.mktemp("bin")
    (made / "fpd-bench").write_text(f"#!{sys.executable}\n{COMMAND}\n")
    (made / "fpd-bench").chmod(0o755)
    return made


def environment(folder, **more):
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | more


def run(folder, *words, cwd=ROOT):
    return subprocess.run(
        ["fpd-bench", *words], env=environment(folder), cwd=cwd, capture_output=True, text=True, check=False
    )


def test_every_verb_is_a_front_door_that_helps_under_its_own_name(capsys, monkeypatch):
    monkeypatch.setattr("fpd_bench.cli._called", [])
    for verb in main.DOORS:
        with pytest.raises(SystemExit) as end:
            main.main([verb, "--help"])
        said = capsys.readouterr().out
        assert end.value.code == 0 and f"usage: fpd-bench {verb}" in said and "python -m fpd_bench." not in said, verb
    assert main.main([]) == 0
    assert all(f"\n  {verb} " in said for said in [capsys.readouterr().out] for verb in main.DOORS)


def test_a_verb_answers_as_its_front_door_does(folder):
    mine = run(folder, "sweep", "sweeps/smoke.yaml", "--dry-run")
    door = [sys.executable, "-m", "fpd_bench.sweep", "sweeps/smoke.yaml", "--dry-run"]
    theirs = subprocess.run(door, env=environment(folder), cwd=ROOT, capture_output=True, text=True, check=False)
    assert (mine.returncode, mine.stdout, mine.stderr) == (0, theirs.stdout, theirs.stderr)
    assert "usage: python -m fpd_bench.sweep" in subprocess.run(
        [*door[:3], "--help"], env=environment(folder), capture_output=True, text=True, check=True
    ).stdout  # fmt: skip


def test_version_and_a_mistyped_verb(folder):
    import fpd_bench

    assert run(folder, "--version").stdout == f"fpd-bench {fpd_bench.__version__}\n"
    wrong = run(folder, "swep")
    assert wrong.returncode == 2 and "Unknown verb 'swep'. Did you mean 'sweep'?" in wrong.stderr


def test_a_sweep_is_found_by_its_name_here_and_elsewhere(folder, tmp_path):
    assert "8 runs: 0 done" in run(folder, "sweep", "smoke", "--dry-run", cwd=tmp_path).stderr
    (tmp_path / "sweeps").mkdir()
    mine = (ROOT / "sweeps" / "smoke.yaml").read_text().replace('title: "', 'title: "Mine, ')
    (tmp_path / "sweeps" / "smoke.yaml").write_text(mine)
    assert run(folder, "sweep", "smoke", "--dry-run", cwd=tmp_path).stderr.startswith("Mine, ")
    wrong = run(folder, "sweep", "smok", "--dry-run", cwd=tmp_path)
    assert wrong.returncode == 2 and "No sweep file 'smok'. Available: sweeps/smoke.yaml." in wrong.stderr


SLOW_TO_LOAD = {"hydra", "sqlalchemy", "pandas", "numpy", "scipy", "torch", "matplotlib", "optuna", "submitit"}
LOADED = "\nfinally:\n    print('LOADED', *sys.modules)"


@pytest.mark.parametrize("words", [["--help"], ["sweep", "--help"], ["report", "--help"], ["search", "--help"]])
def test_help_loads_nothing_that_takes_long(words):
    code = f"import sys\nsys.argv[1:] = {words!r}\ntry:\n    {COMMAND}{LOADED}"
    done = subprocess.run([sys.executable, "-c", code], env=environment(""), capture_output=True, text=True, check=True)
    helped, _, loaded = done.stdout.partition("LOADED")
    assert "usage: fpd-bench" in helped and not SLOW_TO_LOAD & set(loaded.split())


# ------------------------------------------------------------------------------------------------------- completion
WITHOUT_TORCH = """import os, sys
leave = os._exit
def check(code):
    assert not {'torch', 'torchvision', 'timm'} & set(sys.modules), 'completion loads torch'
    leave(code)
os._exit = check
"""


def asked(line, cwd, file="said.txt", **more):
    """What the command offers for a line, as the shells ask it."""
    words = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_SHELL": "fish", "COMP_LINE": line}
    words |= {"COMP_POINT": str(len(line.encode())), "_ARGCOMPLETE_STDOUT_FILENAME": file} | more
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH + COMMAND], env=environment("", **words), cwd=cwd, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [word.split("\t")[0].strip() for word in (cwd / file).read_text().split("\n") if word]


def test_verbs_and_options_are_completed(tmp_path):
    assert set(asked("fpd-bench ", tmp_path)) >= set(main.DOORS) | {"completion"}
    assert asked("fpd-bench sam", tmp_path) == ["sample"]
    assert asked("fpd-bench sweep table3 --dry", tmp_path) == ["--dry-run"]
    assert asked("fpd-bench store ch", tmp_path) == ["check"]
    assert asked("fpd-bench geneval summ", tmp_path) == ["summary"]


def test_sweeps_fields_and_their_values_are_completed(tmp_path):
    assert {"table3", "table4"} <= set(asked("fpd-bench sweep table", tmp_path))
    assert {f"{name}=" for name in leaves()} <= set(asked("fpd-bench sweep table3 ", tmp_path))
    assert asked("fpd-bench sweep table3 estimator=", tmp_path) == ["estimator=soft", "estimator=ste"]
    assert "method=sdtt" in asked("fpd-bench sweep table3 method=s", tmp_path)
    assert asked("fpd-bench sweep table3 profile=", tmp_path) == ["profile=embedded", "profile=paper"]
    assert asked("fpd-bench sweep table3 execution.compile=", tmp_path) == [
        "execution.compile=true",
        "execution.compile=false",
    ]
    assert asked("fpd-bench sweep table3 plugin.sdtt.r", tmp_path) == ["plugin.sdtt.rounds="]
    assert "drift" in asked("fpd-bench sweep --fields dr", tmp_path)
    assert asked("fpd-bench sweep table3 executor=sl", tmp_path) == ["executor=slurm"]
    assert asked("fpd-bench sweep table3 estimator=soft,", tmp_path) == ["estimator=soft,ste"]
    assert {"track.preset=plain", "track.preset=scattered"} <= set(
        asked("fpd-bench sweep table3 track.preset=", tmp_path)
    )
    assert "paper" in asked("fpd-bench report --profile ", tmp_path)


def test_run_ids_are_completed(tmp_path):
    for name in ("3f9c0a1b2d4e", "3f00aaaabbbb", "not-a-run"):
        (tmp_path / "results/runs" / name).mkdir(parents=True)
    assert asked("fpd-bench status 3f9", tmp_path) == ["3f9c0a1b2d4e"]
    assert asked("fpd-bench sample 3f", tmp_path) == ["3f00aaaabbbb", "3f9c0a1b2d4e"]
    assert asked("fpd-bench sweep --cancel 3f9", tmp_path) == ["3f9c0a1b2d4e"]
    (tmp_path / "results/runs/3f9c0a1b2d4e/notes.json").write_text('{"tags": ["keep"], "notes": []}')
    assert asked("fpd-bench report --tag ", tmp_path) == ["keep"]


def test_what_is_remembered_changes_with_the_packages_that_are_there(tmp_path):
    """The second call answers from the cache, the third sees a package that has come, the fourth that it is gone."""
    site, cache = tmp_path / "site", tmp_path / "cache"
    info = site / "lately-1.dist-info"
    site.mkdir()
    more = {"PYTHONPATH": f"{ROOT}{os.pathsep}{site}", "XDG_CACHE_HOME": str(cache)}
    line = "fpd-bench sweep table3 draft="
    assert asked(line, tmp_path, **more) == asked(line, tmp_path, **more) == ["draft=random", "draft=student"]
    kept = cache / "fpd-bench" / "words.json"
    kept.write_text(kept.read_text().replace('"draft=random"', '"draft=kept"'))
    assert asked(line, tmp_path, **more) == ["draft=kept", "draft=student"]
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lately\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[fpd_bench.drafts]\nlately = lately\n")
    assert asked(line, tmp_path, **more) == ["draft=lately", "draft=random", "draft=student"]
    (info / "entry_points.txt").write_text("[fpd_bench.drafts]\nof_late = lately\n")
    assert asked(line, tmp_path, **more) == ["draft=of_late", "draft=random", "draft=student"]
    shutil.rmtree(info)
    assert asked(line, tmp_path, **more) == ["draft=random", "draft=student"]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"words": 3}'])
def test_a_damaged_cache_is_made_anew(tmp_path, damage):
    more = {"XDG_CACHE_HOME": str(tmp_path)}
    kept = tmp_path / "fpd-bench" / "words.json"
    kept.parent.mkdir()
    kept.write_text(damage)
    assert asked("fpd-bench sweep table3 estimator=", tmp_path, **more) == ["estimator=soft", "estimator=ste"]
    assert "estimator=ste" in kept.read_text()


IN_BASH = """source <(fpd-bench completion bash)
COMP_LINE='fpd-bench sweep table3 estimator=' COMP_POINT=${#COMP_LINE} COMP_TYPE=9
COMP_WORDS=(fpd-bench sweep table3 estimator =) COMP_CWORD=4 COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
COMP_POINT=${#COMP_LINE}
$(complete -p fpd-bench | sed -n 's/.*-F \\([^ ]*\\).*/\\1/p') fpd-bench 2>/dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""


def test_bash_completes(folder):
    done = subprocess.run(
        ["bash", "-c", IN_BASH], env=environment(folder), cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["soft", "ste"], done.stderr  # bash replaces what stands behind the `=`


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish on this machine")
def test_fish_completes(folder):
    line = 'fpd-bench completion fish | source; complete -C "fpd-bench sweep table3 estimator="'
    done = subprocess.run(
        ["fish", "--no-config", "-c", line], env=environment(folder), cwd=ROOT, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["estimator=soft", "estimator=ste"], done.stderr


# A shell that only a terminal makes complete: zpty is zsh's own.
IN_ZSH = """zmodload zsh/zpty; zpty z zsh -f -i
zpty -w z "PS1=; autoload -U compinit; compinit -D -u; eval \\"\\$(fpd-bench completion zsh)\\"; echo ready-\\$((1+1))"
while zpty -r z line; do [[ $line == *ready-2* ]] && break; done
zpty -w -n z $'fpd-bench sweep table3 estimator=st\\t'
sleep 8
while zpty -r -t z line; do print -r -- $line; done
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh on this machine")
def test_zsh_completes(folder):
    done = subprocess.run(
        ["zsh", "-f", "-c", IN_ZSH], env=environment(folder), cwd=ROOT, capture_output=True, text=True, timeout=120,
        check=True,
    )  # fmt: skip
    assert "estimator=ste" in done.stdout, (done.stdout, done.stderr)


def test_a_shell_that_nobody_knows_is_refused(folder):
    told = run(folder, "completion", "tcsh")
    assert told.returncode == 2 and "{bash,zsh,fish}" in told.stderr
