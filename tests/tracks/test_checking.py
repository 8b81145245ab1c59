"""`python -m fpd_bench.tracks check`: what is missing, wrong or too big is said before a job is queued."""

import hashlib
import json
import shutil
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from fpd_bench import sweep
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


MASKGIT = "Maskgit-pytorch/pretrained_maskgit/MaskGIT/MaskGIT_ImageNet_256.pth"


def spoil(path, how):
    """Change a file of torch.save in one of the ways that files go wrong."""
    saved = torch.load(path, weights_only=True)
    state = saved["model_state_dict"]
    if how == "zeroed":
        content = bytearray(path.read_bytes())
        content[len(content) // 2 : len(content) // 2 + 64] = bytes(64)
        path.write_bytes(content)
        return
    if how == "cut":
        path.write_bytes(path.read_bytes()[:-500])
        return
    if how == "NaN":
        state["bias"][0, 0] = float("nan")
    elif how == "missing":
        del state["last_layer.4.weight"]
    elif how == "extra":
        state["tail.weight"] = torch.ones(3)
    elif how == "size":
        state["bias"] = torch.zeros(2, 2)
    whole = {"ema": {"ema": state}, "module": torch.nn.Linear(2, 2)}
    torch.save(whole.get(how, saved), path)


SPOILT = {
    "zeroed": "are damaged (Bad CRC-32",
    "cut": "cut off after",
    "NaN": "hold NaN or infinite numbers, in 1 tensors (bias)",
    "missing": "1 tensors missing (last_layer.4.weight), 0 unknown",
    "extra": "0 tensors missing , 1 unknown (tail.weight)",
    "size": "bias [2, 2] instead of [17, 36]",
    "ema": "but there are some under 'ema'. Extract them: python -m fpd_bench.tracks convert",
    "module": "would run code (torch.nn.modules.linear.Linear)",
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_quick_look_refuses_what_a_run_would_fail_on(folder, capsys, how):
    spoil(folder / MASKGIT, how)
    code, lines, said = check(capsys, "maskgit", folder, "--quick")
    wrong = [line for line in lines if line.startswith("wrong")]
    assert code == 2 and "is not ready" in said and len(wrong) == 1 and wrong[0].split()[1] == "teacher"
    assert SPOILT[how] in wrong[0]


@pytest.mark.parametrize("how", ["missing", "extra", "size", "ema", "module", "cut"])
def test_nothing_is_queued_on_files_that_do_not_fit(published, folder, capsys, monkeypatch, tmp_path, how):
    spoil(folder / MASKGIT, how)
    monkeypatch.setenv("FPD_WEIGHTS", str(folder))
    monkeypatch.setenv("FPD_DATA", str(published.data))
    path = tmp_path / "mine.yaml"
    path.write_text(MINE)
    assert sweep.main([str(path), "--results", str(tmp_path / "r")]) == 2
    assert SPOILT[how] in capsys.readouterr().err and not list((tmp_path / "r").glob("runs/*"))


MINE = """\
name: mine
metric: fid
seeds: [0]
profiles: {embedded: [track.name=maskgit, evaluation.fidelity=lite0, method=teacher]}
tables: [{id: a, grid: [evaluation.teacher_steps=2], rows: [{id: a, label: A, where: {method: teacher}}]}]
"""


@pytest.mark.parametrize("prefix", ["_orig_mod.module.", "model.module.", "module.model._orig_mod."])
def test_prefixes_in_any_order_are_taken_off(folder, capsys, prefix):
    path = folder / MASKGIT
    state = torch.load(path, weights_only=True)["model_state_dict"]
    torch.save({prefix + name: value for name, value in state.items()}, path)
    assert check(capsys, "maskgit", folder, "--quick")[0] == 0


def test_shards_are_read_with_their_index(folder, capsys, tmp_path):
    path = folder / TEACHER
    state = load_file(path)
    places = {name: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, name in enumerate(sorted(state))}
    for file in set(places.values()):
        save_file({name: value for name, value in state.items() if places[name] == file}, path.with_name(file))
    path.unlink()
    path.with_name("model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    code, lines, _ = check(capsys, "maskgen", folder, "--out", tmp_path / "p.png")
    assert code == 0 and lines[0].count("sha256") == 2, lines
    path.with_name("model-00001-of-00002.safetensors").unlink()
    code, lines, _ = check(capsys, "maskgen", folder, "--quick")
    assert code == 2 and "1 of 2 shards are missing (model-00001-of-00002.safetensors)" in lines[0]


def test_a_tokenizer_without_clustering_is_ready(folder, capsys, tmp_path):
    path = folder / "tokenizer_tatitok_bl128_vq/model.safetensors"
    save_file({k: v for k, v in load_file(path).items() if k != "quantize.embed_prob"}, path)
    assert check(capsys, "maskgen", folder, "--out", tmp_path / "p.png")[0] == 0


MASKGEN_CONFIG, TOKENIZER_CONFIG = (
    f"{name}/config.json" for name in ("generator_maskgen_vq_l", "tokenizer_tatitok_bl128_vq")
)
SETTINGS = {  # file, section, setting, value (None: without it): what is said
    (MASKGEN_CONFIG, "maskgen", "micro_condition", False): "asks for model.maskgen.micro_condition: false",
    (TOKENIZER_CONFIG, "vq_model", "use_l2_norm", True): "asks for model.vq_model.use_l2_norm: true",
    (TOKENIZER_CONFIG, "vq_model", "quantize_mode", "vae"): 'asks for model.vq_model.quantize_mode: "vae"',
    (TOKENIZER_CONFIG, "vq_model", "is_legacy", True): "asks for model.vq_model.is_legacy: true",
    (TOKENIZER_CONFIG, "vq_model", "token_size", None): "lacks the setting model.vq_model.token_size",
    (TOKENIZER_CONFIG, "vq_model", "vit_enc_model_size", "huge"): "must be one of small, base, large",
}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting[2])
def test_settings_that_are_missing_or_not_implemented_are_refused(folder, capsys, setting):
    file, section, key, value = setting
    config = json.loads((folder / file).read_text())
    if value is None:
        del config["model"][section][key]
    else:
        config["model"][section][key] = value
    (folder / file).write_text(json.dumps(config))
    code, lines, _ = check(capsys, "maskgen", folder, "--quick")
    (wrong,) = [line for line in lines if line.startswith("wrong")]
    assert code == 2 and str(folder / file) in wrong and SETTINGS[setting] in wrong


DETECTOR = "mask2former-swin-small-coco-instance"


@pytest.mark.parametrize(("how", "said"), [("lacks", "lack 1 tensors"), ("other", "Cannot load Mask2Former weights")])
def test_a_quick_look_refuses_a_detector_that_does_not_fit(folder, capsys, how, said):
    path = folder / DETECTOR / "model.safetensors"
    if how == "lacks":
        save_file(dict(sorted(load_file(path).items())[1:]), path, {"format": "pt"})
    else:  # settings without the sizes of these weights
        path.with_name("config.json").write_text("{}")
    code, lines, _ = check(capsys, "maskgen", folder, "--quick")
    (wrong,) = [line for line in lines if line.startswith("wrong")]
    assert code == 2 and wrong.split()[1] == "detector" and said in wrong and DETECTOR in wrong


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
    assert "'turkeyju/generator_maskgen_vq_l' (teacher) cannot be downloaded" in said and "hf download turkeyju" in said
