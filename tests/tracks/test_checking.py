"""`python -m fpd_bench.tracks check`: what is missing, wrong or too big is said before a job is queued."""

import hashlib
import shutil
import subprocess
import sys

import pytest
import torch

from fpd_bench.tracks.__main__ import main

TEACHER = "generator_maskgen_vq_l/model.safetensors"


@pytest.fixture
def folder(published, tmp_path):
    return shutil.copytree(published.weights, tmp_path / "w")


def check(capsys, track, folder, *options):
    """(exit code, lines of output)."""
    code = main(["check", track, "--weights", str(folder), *map(str, options)])
    said = capsys.readouterr()
    return code, said.out.splitlines(), said.err


@pytest.mark.parametrize("track", ["maskgen", "maskgit"])
def test_all_is_well(published, tmp_path, capsys, track):
    code, lines, said = check(capsys, track, published.weights, "--out", tmp_path / "p.png")
    assert code == 0 and "is ready" in said and not [line for line in lines if line.startswith("wrong")], lines
    subjects = {"teacher", "tokenizer", "backbone", "discriminator", "memory", "forward", "picture"}
    assert {line.split()[1] for line in lines} >= subjects
    assert any("2 feature networks, finite" in line for line in lines)
    assert (tmp_path / "p.png").stat().st_size > 100


def test_everything_missing_is_listed_with_its_command(folder, capsys):
    (folder / TEACHER).unlink()
    (folder / "mask2former-swin-small-coco-instance/config.json").unlink()
    code, lines, said = check(capsys, "maskgen", folder)
    wrong = [line for line in lines if line.startswith("wrong")]
    assert code == 2 and "not ready" in said and len(wrong) == 2
    assert "hf download turkeyju/generator_maskgen_vq_l model.safetensors config.json --local-dir" in wrong[0]
    assert "hf download facebook/mask2former-swin-small-coco-instance" in wrong[1]


def test_what_only_some_runs_read_is_noted_with_its_command(folder, capsys):
    shutil.rmtree(folder / "deit_base_distilled_patch16_224.fb_in1k")
    code, lines, said = check(capsys, "maskgit", folder, "--quick")
    (note,) = [line for line in lines if line.split()[1] == "discriminator"]
    assert code == 0 and "is ready" in said and note.startswith("note") and "gan.discriminator=projected only" in note
    assert "hf download timm/deit_base_distilled_patch16_224.fb_in1k model.safetensors config.json" in note


def test_what_fid_needs_is_found_or_noted_with_its_address(folder, capsys, monkeypatch):
    monkeypatch.delenv("FPD_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(folder))

    def states() -> dict[str, str]:
        lines = check(capsys, "maskgit", folder, "--quick")[1]
        return {line.split()[1]: line for line in lines if line.split()[1] in ("reference", "inception")}

    said = check(capsys, "maskgit", folder, "--quick")[2]
    assert "is ready for training and sampling; scoring by FID needs reference and inception." in said
    noted = states()
    assert all(line.startswith("note") for line in noted.values())
    assert "curl -o" in noted["reference"] and "wget -O" in noted["inception"]
    for name in ("VIRTUAL_imagenet256_labeled.npz", "weights-inception-2015-12-05-6726825d.pth"):
        (folder / name).touch()
    assert [line.split()[0] for line in states().values()] == ["ok", "ok"]
    assert "is ready for training, sampling and scoring." in check(capsys, "maskgit", folder, "--quick")[2]


def test_what_is_not_there_is_named_beside_what_the_track_is_ready_for(folder, capsys, tmp_path):
    (tmp_path / "none").mkdir()
    code, _lines, said = check(capsys, "maskgen", folder, "--quick", "--data", tmp_path / "none")
    assert code == 0 and "is ready for sampling and scoring; training needs captions; L_gan needs images." in said


@pytest.mark.parametrize("changed", [False, True])
def test_the_hash_is_held_against_the_hubs(folder, capsys, changed):
    path = folder / TEACHER
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    record = path.parent / ".cache/huggingface/download/model.safetensors.metadata"
    record.parent.mkdir(parents=True)
    record.write_text(f"{'c' * 40}\n{'0' * 64 if changed else digest}\n1700000000.0\n")
    code, lines, _ = check(capsys, "maskgen", folder, "--quick")
    assert code == (2 if changed else 0)
    assert ("the hub sent 0000" if changed else "as the hub sent it (commit cccccccccccc)") in lines[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"Access to model x is restricted and you are not in the authorized list.", "gated, accept its licence"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ],
)
def test_a_refused_download(folder, capsys, content, said):
    (folder / TEACHER).write_bytes(content)
    code, lines, _ = check(capsys, "maskgen", folder, "--quick")
    assert code == 2 and lines[0].startswith("wrong") and said in lines[0]


def test_another_model_and_an_old_pickle(folder, capsys):
    maskgit = folder / "Maskgit-pytorch/pretrained_maskgit"
    halton = {key: torch.zeros(1) for key in ("cls_emb.weight", "tok_emb.weight", "last_norm.mlp.1.bias")}
    torch.save({"model_state_dict": halton}, maskgit / "MaskGIT/MaskGIT_ImageNet_256.pth")
    torch.save({"state_dict": {}, "callback": Finder()}, maskgit / "VQGAN/last.ckpt")
    code, lines, _ = check(capsys, "maskgit", folder, "--quick")
    assert code == 2 and "Halton-MaskGIT" in lines[0] and "would run code" in lines[1]


class Finder:
    """Stands for what an old trainer pickled along."""


def test_too_little_memory_is_said_before_anything_is_loaded(folder):
    command = f"ulimit -v 600000; exec {sys.executable} -m fpd_bench.tracks check maskgit --weights {folder}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env={"OMP_NUM_THREADS": "1"})
    assert done.returncode == 2 and "0.6 GB is free" in done.stdout and "Traceback" not in done.stderr


def test_wrong_requests(capsys, tmp_path, monkeypatch):
    monkeypatch.delenv("FPD_WEIGHTS", raising=False)
    assert main(["check", "shapes"]) == 2 and "Available: maskgen, maskgit" in capsys.readouterr().err
    assert main(["check", "maskgen"]) == 2 and "FPD_WEIGHTS is not set" in capsys.readouterr().err
    assert main(["check", "maskgen", "--weights", str(tmp_path / "none")]) == 2
    assert "is not a folder" in capsys.readouterr().err


def test_fetch_takes_what_is_there_and_says_how_to_get_the_rest(folder, capsys, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert main(["fetch", "maskgit", "--weights", str(folder)]) == 0
    assert capsys.readouterr().out.count("is there") == 4  # the discriminator's among them
    (folder / TEACHER).unlink()
    assert main(["fetch", "maskgen", "--weights", str(folder)]) == 2
    said = capsys.readouterr().err
    assert "'turkeyju/generator_maskgen_vq_l' (teacher) cannot be fetched" in said and "hf download turkeyju" in said
