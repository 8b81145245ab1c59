"""`python -m fpd_bench.evals.fidelity` as a user meets it, on the offline preset with its real weights."""

import importlib.util
import json
from pathlib import Path

import pytest

from fpd_bench.evals.fidelity.__main__ import main

spec = importlib.util.spec_from_file_location("fidelity_conftest", Path(__file__).with_name("conftest.py"))
helpers = importlib.util.module_from_spec(spec)
spec.loader.exec_module(helpers)


@pytest.fixture
def folders(folder):
    return str(folder("made", helpers.random_images(20, 1, side=16))), str(
        folder("real", helpers.random_images(20, 2, side=16))
    )


def test_numbers_and_their_protocol(folders, tmp_path, capsys):
    made, real = folders
    common = [made, "--reference", real, "--preset", "lite0", "--cache", str(tmp_path / "cache")]
    assert main([*common, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["values"]) == {"fid", "fid_sampling_sd", "is", "precision", "recall", "kid"}
    assert told["values"]["fid"] > told["values"]["fid_sampling_sd"] > 0
    assert told["protocol"]["images"] == 20 and "FID is biased upward" in told["notes"][0]
    assert main(common) == 0
    out, err = capsys.readouterr()
    assert f"FID ↓        {told['values']['fid']:.2f}" in out and told["protocol_id"] in out
    assert "20 / 20" not in err  # the second time nothing is computed


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (["--preset", "adn"], "Unknown preset 'adn'. Did you mean 'adm'?"),
        (["--reference", "nowhere.npz"], "There is no reference 'nowhere.npz'. ADM's is VIRTUAL_imagenet256"),
        (["--reference", "nowhere"], "'nowhere' is neither a folder of images"),
        (["--weights", "nowhere.pth"], "FID needs the weights of Inception, which are not at nowhere.pth"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(folders, changed, said, capsys):
    made, real = folders
    assert main([made, "--reference", real, *changed]) == 2
    err = capsys.readouterr().err.splitlines()
    assert said in err[-1] and len(err) <= 2


def test_an_empty_folder_is_named(tmp_path, capsys):
    assert main([str(tmp_path), "--reference", str(tmp_path)]) == 2
    assert "holds no images" in capsys.readouterr().err


def test_help_shows_examples(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "--reference VIRTUAL_imagenet256_labeled.npz" in capsys.readouterr().out
