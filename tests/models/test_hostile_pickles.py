"""A pickle that wants to run code is not loaded, nothing in it runs, and nobody is told to fetch it again or how to."""

import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from fpd_bench.assets.hostile import hostile_code
from fpd_bench.errors import AssetError
from fpd_bench.evals.fidelity import extractors
from fpd_bench.models.pickled_module import pickled_state
from fpd_bench.models.torch_files import read_torch
from fpd_bench.models.weight_loading import load_state
from fpd_bench.runs.folder import checkpoints


class Calls:
    def __init__(self, function, *arguments):
        self.asked = function, arguments

    def __reduce__(self):
        return self.asked


def hostile(kind, folder):
    call = Calls(os.system, f"touch {folder}/sprung") if kind != "eval" else Calls(eval, f"open('{folder}/sprung','w')")
    path = folder / "weights.pt"
    if kind == "zip":
        torch.save({"w": call}, path)
    elif kind == "legacy":
        torch.save({"w": call}, path, _use_new_zipfile_serialization=False)
    else:
        protocol = 4 if kind == "eval" else int(kind)
        path.write_bytes(pickle.dumps({"ema": call, "pad": "x" * 5000}, protocol=protocol))
    return path


KINDS = ("zip", "legacy", "0", "2", "4", "5", "eval")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("load", [load_state, pickled_state, extractors._refuse_foreign])
def test_it_is_refused_for_what_it_is(tmp_path, kind, load):
    path = hostile(kind, tmp_path)
    with pytest.raises(AssetError, match="not loaded: the file would run code") as caught:
        load(path)
    said = str(caught.value)
    assert "weights_only" not in said and "etch" not in said and "\n" not in said
    assert not Path(tmp_path / "sprung").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_that_is_one_is_passed_over(tmp_path, kind):
    checkpoints.save(tmp_path, 1, {"step": 1})
    path = hostile(kind, tmp_path)
    checkpoints.sealed.write(tmp_path / "step_2.pt", lambda target: target.write_bytes(path.read_bytes()))
    warned = []
    assert checkpoints.load(tmp_path, warned.append)[0] == 1
    assert len(warned) == 1 and "weights_only" not in warned[0] and not (tmp_path / "sprung").exists()


GADGETS = [
    "torch.hub.load", "urllib.request.urlretrieve", "operator.attrgetter", "timeit.timeit", "pdb.run", "cProfile.run",
    "pip._internal.main", "multiprocessing.process.Process", "pickle.loads", "torch.load", "numpy.load", "pty.spawn",
    "numpy.testing._private.utils.runstring", "ftplib.FTP", "http.client.HTTPConnection", "threading.Thread",
    "concurrent.futures.thread.ThreadPoolExecutor", "pathlib.Path", "site.main", "functools.partial", "ssl.wrap",
]  # fmt: skip


def asks_for(name, path, kind):
    """A pickle that calls `name`; it need not be installed."""
    module, _, what = name.rpartition(".")
    opcodes = b"\x80\x02c%s\n%s\n(X\x01\x00\x00\x00xtR." % (module.encode(), what.encode())
    if kind == "plain":
        path.write_bytes(opcodes)
        return
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", opcodes)
        archive.writestr("a/version", "3")


@pytest.mark.parametrize("kind", ["plain", "zip"])
@pytest.mark.parametrize("name", GADGETS)
@pytest.mark.parametrize("load", [load_state, read_torch, extractors._refuse_foreign])
def test_whatever_it_wants_to_call_nobody_is_told_to_fetch_it_again(tmp_path, name, kind, load):
    asks_for(name, tmp_path / "x.pth", kind)
    with pytest.raises(AssetError, match="would run code") as caught:
        load(tmp_path / "x.pth")
    assert name in str(caught.value) and "etch" not in str(caught.value) and "weights_only" not in str(caught.value)


def test_a_name_that_is_remembered_from_before_is_seen(tmp_path):
    """Pickles name a thing once and refer to it from then on."""
    text = b"\x8c\x02os\x94\x8c\x06system\x94"  # two words, remembered as 0 and 1
    (tmp_path / "x.pth").write_bytes(b"\x80\x04" + text + b"\x8c\x01a\x8c\x01bh\x00h\x01\x93\x8c\x02ls\x85R.")
    assert hostile_code(tmp_path / "x.pth") == "os.system"


@pytest.mark.parametrize(
    "data", [b"", b"\x80\x04garbage" * 900, bytes(9000), bytes(range(7, 256)) * 40, b"PK\x03\x04" + bytes(9000)]
)
def test_a_damaged_file_is_told_without_torchs_advice(tmp_path, data):
    path = tmp_path / "weights.pt"
    path.write_bytes(data)
    for load in (load_state, pickled_state, extractors._refuse_foreign):
        with pytest.raises(AssetError) as caught:
            load(path)
        assert "weights_only" not in str(caught.value) and "would run code (" not in str(caught.value)


def test_sound_weights_ask_for_nothing(tmp_path):
    torch.save({"w": torch.zeros(2)}, tmp_path / "a.pt")
    assert hostile_code(tmp_path / "a.pt") == "" and list(load_state(tmp_path / "a.pt")) == ["w"]
