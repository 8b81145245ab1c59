"""Secrets in what people paste, commit and mistype: masked wherever it is said, and nothing else garbled."""

import subprocess
import sys
from pathlib import Path

import pytest

from fpd_bench.config.compose import compose
from fpd_bench.runs.folder import provenance
from fpd_bench.secrets_mask import mask, mask_words

SECRET = "q7Zx91kLm2"
WRITTEN = [
    "HF_TOKEN={}", "HF_TOKEN = {!r}", 'HF_TOKEN = "{}"', 'api_key: str = "{}"', "api_key: Optional[str] = '{}'",
    '{{"token": "{}"}}', '{{"api-key": "{}"}}', 'os.environ["HF_TOKEN"] = "{}"', 'setenv("HF_TOKEN", "{}")',
    'login(token="{}")', "password = '''{}'''", 'secret = f"{}"', 'token = b"{}"', 'PASSPHRASE = ("{}")',
    'password="two words {}"', r'passwd = "a \" {}"', "HF_TOKEN = {}", "token: {}", "aws_secret_access_key = {}",
    "export HF_TOKEN={}", "--hf-token={}", "Authorization: Bearer {}", "hf_abcdefghijkl{}", "sk-abcdefgh{}",
    "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----", "postgresql://me:{}@host/db",
    "postgresql://host/db?user=me&password={}", "https://{}@host/x",
    "DB_PASS={}", 'pwd = "{}"',
    "--password {}", "mysql --db-password  {} x", 'password => "{}"', 'api_key = (\n+    "{}"\n+)',
]  # fmt: skip
PLAIN = [
    "optim.lr=1e-3", "track.tokenizer=patch", "token = self.tokenizer(x)", "tokens = tokens[0]",
    "Unknown token 'x'.", 'kind = "token"; x = "y"', "https://host/a:b/c@d",
    "n_tokens=4", "tokens: 64", "bypass=3", "passes=2", "compass: north9north9",
    "--token --x", "no --tokenizer vq", "the token is old",
]  # fmt: skip


@pytest.mark.parametrize("form", WRITTEN)
def test_a_secret_is_masked_however_it_is_written(form):
    text = f"before\n{form.format(SECRET)}\nafter"
    masked = mask(text)
    assert SECRET not in masked and "***" in masked
    assert masked.startswith("before\n") and masked.endswith("\nafter")
    assert mask(masked) == masked


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_secret_is_left_as_it_is(text):
    assert mask(text) == text


@pytest.mark.parametrize("words", [["-p{}"], ["--password", "{}"], ["--hf-token", "{}"], ["x=1", "password={}"]])
def test_a_recorded_command_holds_no_secret(words, monkeypatch):
    typed = ["mine.py", *(word.format(SECRET) for word in words), "seeds=[0]"]
    monkeypatch.setattr(sys, "argv", typed)
    told = provenance.record(compose([]), {})["command"]
    assert told[1] == "mine.py" and told[-1] == "seeds=[0]" and len(told) == 1 + len(typed)
    assert SECRET not in str(told) and "***" in str(told)


def test_a_recorded_command_is_otherwise_as_it_was_typed():
    typed = ["python", "-m", "fpd_bench.sweep", "table3", "-p", "--password", "--dry-run", "optim.lr=1e-3", "a - b"]
    assert mask_words(typed) == typed


def test_the_recorded_difference_of_the_code_is_masked(tmp_path, monkeypatch):
    """A real checkout whose file was edited to hold a secret in the forms of Python code."""

    def git(*words):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=tmp_path, check=True)

    package = tmp_path / "fpd_bench"
    package.mkdir()
    (package / "__init__.py").write_text("x = 1\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    lines = [f'HF_TOKEN = "{SECRET}"', f'api_key: str = "{SECRET}"', "y = 2"]
    (package / "__init__.py").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(provenance, "_PACKAGE", package)
    provenance.code.cache_clear()
    try:
        diff = provenance.code()["git"]["diff"]
    finally:
        provenance.code.cache_clear()
    assert SECRET not in diff and "+y = 2" in diff


DOORS = ("sweep", "report", "status", "clean", "worker", "sample", "store rebuild", "store", "tracks", "evals.fidelity",
         "evals.geneval score")  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("word", ["--store.url={}", "--sotre.url={}", "--url {}"])
def test_a_mistyped_word_is_told_without_its_password(door, word):
    url = f"postgresql+psycopg://me:{SECRET}@host/db"
    module, *more = door.split()
    words = [*more, *word.format(url).split(), "a", "b", "c"]
    command = [sys.executable, "-m", f"fpd_bench.{module}", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and SECRET not in done.stdout + done.stderr, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("door", ["archive {}", "tag x {}", "tag x +{}", "sweep {}", "worker {}", "search {}"])
def test_an_address_in_the_place_of_another_word_is_told_without_its_password(door):
    """As a file's name its slashes are one, and then it is no address any more."""
    words = door.format(f"postgresql://me:{SECRET}@host/db").split()
    command = [sys.executable, "-m", f"fpd_bench.{words[0]}", *words[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and SECRET not in done.stdout + done.stderr, done.stderr


def test_every_door_parses_with_the_parser_that_masks():
    package = Path(provenance.__file__).parents[2]
    users = [path.name for path in package.rglob("*.py") if "argparse.ArgumentParser(" in path.read_text()]
    assert users == [], "use fpd_bench.cli.Parser"


def test_ctrl_c_is_one_line_and_130_and_an_error_of_ours_hides_passwords():
    code = "from fpd_bench.cli import leave\ndef main(): raise {}\nleave(main)"
    run = [sys.executable, "-c"]
    done = subprocess.run([*run, code.format("KeyboardInterrupt")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "Stopped by Ctrl-C.\n")
    error = f'RuntimeError("cannot connect to postgresql://me:{SECRET}@host/db")'
    done = subprocess.run([*run, code.format(error)], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Traceback" in done.stderr and SECRET not in done.stderr
