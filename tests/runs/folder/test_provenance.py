"""Provenance: code, machine and command of an attempt; no secrets."""

import hashlib
import json
from types import SimpleNamespace

import pytest

from fpd_bench.assets import environment, published_files
from fpd_bench.config.compose import compose
from fpd_bench.config.schema import RunConfig
from fpd_bench.runs.folder import code_state, provenance
from fpd_bench.secrets_mask import mask


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("git@github.com:a/b.git", "git@github.com:a/b.git"),
        ("https://user:pass@host/x", "https://***@host/x"),
        ("https://ghp_abc@host/x", "https://***@host/x"),
        ("postgresql+psycopg://me:pw@db:5432/x", "postgresql+psycopg://***@db:5432/x"),
        ("postgresql+psycopg://me:p/w:x@db/x", "postgresql+psycopg://***@db/x"),
        ("a=1 token=abc password: x", "a=1 token=*** password: ***"),
        ("WANDB_API_KEY=123&x=2", "WANDB_API_KEY=***&x=2"),
        ("optim.lr=1e-3", "optim.lr=1e-3"),
    ],
)
def test_secrets_are_masked(text, masked):
    assert mask(text) == masked


def test_an_attempt_can_be_traced(monkeypatch):
    monkeypatch.setattr("sys.argv", ["sweep", "--url=https://me:hunter2@host/db"])
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    record = provenance.record(RunConfig(seed=3), {"teacher": "ab"})
    text = json.dumps(record)
    assert "hunter2" not in text
    assert record["seeds"] == {"seed": 3} and record["assets"] == {"teacher": "ab"}
    assert len(record["installed_sha256"]) == 64 and f"torch=={record['packages']['torch']}\n" in provenance.installed()
    assert record["packages"]["torch"] and record["environment"]["SLURM_JOB_ID"] == "17"
    assert len(record["code"]["files_sha256"]) == 64


def test_code_is_told_by_commit_and_difference_or_by_its_files():
    code = provenance.code()
    assert len(code["git"]["sha"]) == 40 if "git" in code else "runs/folder/provenance.py" in code["files"]


def test_outside_a_checkout_every_file_is_hashed(monkeypatch):
    monkeypatch.setattr(code_state, "_git", lambda *arguments: None)
    code = provenance.code.__wrapped__()
    assert "git" not in code and len(code["files"]["runs/folder/provenance.py"]) == 64


def test_the_weights_of_the_discriminator_are_hashed_with_the_rest(tmp_path, monkeypatch):
    from fpd_bench.runs.perform.loaded_tracks import ImageSource, assets_of

    monkeypatch.setenv(environment.VARIABLE, str(tmp_path))
    path = published_files.DEIT.path(tmp_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"weights")
    source = ImageSource(SimpleNamespace(assets={"teacher": "ab"}), None, None)
    found = assets_of(compose(["gan.weight=1", "gan.discriminator=projected"]), source)
    assert found == {"teacher": "ab", "discriminator": hashlib.sha256(b"weights").hexdigest()}
    assert assets_of(compose(["gan.weight=0", "gan.discriminator=projected"]), source) == {"teacher": "ab"}
