"""Files of every kind that is read, damaged in every way of `made.damages`: one line, or a right reading.

Where a format or we keep checksums, a reading must be equal to the undamaged one; where there are none (JPEG, WebP,
BMP, text, GenEval's own files), it must be well formed. Never a traceback, never a hang. Seeded (tests/conftest.py);
FPD_FUZZ=20 tries twenty times as many.
"""

import json
import os
import re
import shutil
import signal
import zipfile

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch
import webdataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file

from fpd_bench import archive
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.errors import AssetError, ConfigError, FpdError
from fpd_bench.evals.fidelity.extractors import open_extractor
from fpd_bench.evals.fidelity.features import extract
from fpd_bench.evals.fidelity.image_streams import open_images
from fpd_bench.evals.fidelity.presets import ADM, FidelityPreset
from fpd_bench.evals.fidelity.reference import open_reference
from fpd_bench.evals.geneval.__main__ import main
from fpd_bench.evals.geneval.folder import write_prompt
from fpd_bench.evals.geneval.prompt_grammar import counting, single_object, to_jsonl
from fpd_bench.files.arrays import names
from fpd_bench.files.images import rgb_of
from fpd_bench.generators.pipeline_layout import read_layout
from fpd_bench.models.weight_loading import load_state
from fpd_bench.records.layout import sha256
from fpd_bench.runs.archive.unpack import unpack
from fpd_bench.runs.execute.local import run_inline
from fpd_bench.runs.folder import image_shards
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.tracks.captions import open_captions
from fpd_bench.tracks.pictures import open_images as real_images
from fpd_bench.tracks.shapes.drawing import render
from tests.files.made import PICTURE, damages, encoded

SECONDS = 20  # for one damaged file
TIMES = int(os.environ.get("FPD_FUZZ", "1"))
OFTEN = {"many": 150 * TIMES, "some": 50 * TIMES, "few": 12 * TIMES}


def fuzz(often="some", **also):
    """A test that gets a damage and, as `content`, what it damages."""

    def decorate(test):
        runs = settings(max_examples=OFTEN[often], suppress_health_check=list(HealthCheck))
        return runs(given(data=st.data(), **also)(test))

    return decorate


@pytest.fixture(autouse=True)
def in_time():
    def late(*_):
        raise TimeoutError(f"more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def damaged(data, content: bytes) -> bytes:
    signal.alarm(SECONDS)
    return data.draw(damages(len(content)))(content)


def in_one_line(read, *arguments):
    """What is read, or None for a refusal in one line."""
    try:
        return read(*arguments)
    except FpdError as error:
        assert "\n" not in str(error) and len(str(error)) > 20
        return None


# ------------------------------------------------------------------------------------------------------------ images
GREY = Image.fromarray(PICTURE[:, :, 0])
CHECKED = {"colours": encoded(PICTURE), "grey": encoded(GREY), "palette": encoded(GREY.convert("P"))}
UNCHECKED = {kind: encoded(PICTURE, kind) for kind in ("JPEG", "WEBP", "BMP")}


@fuzz("many", kind=st.sampled_from(sorted(CHECKED)))
def test_png(data, kind):
    found = in_one_line(rgb_of, damaged(data, CHECKED[kind]), "a.png")
    assert found is None or np.array_equal(found, rgb_of(CHECKED[kind], "a.png"))


@fuzz("many", kind=st.sampled_from(sorted(UNCHECKED)))
def test_images_without_checksums(data, kind):
    found = in_one_line(rgb_of, damaged(data, UNCHECKED[kind]), "a.jpg")
    assert found is None or (found.dtype == np.uint8 and found.ndim == 3 and found.shape[2] == 3)


# ------------------------------------------------------------------------------------------------ .npz, caches, .pth
PIXELS = np.random.default_rng(0).integers(0, 256, (10, 6, 5, 3), dtype=np.uint8)


def stream(path):
    return np.concatenate(list(open_images(path).batches(4)))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_packed_images(tmp_path_factory, save):
    path = tmp_path_factory.mktemp("npz") / "x.npz"
    save(path, arr_0=PIXELS, labels=np.arange(10))
    content, whole = path.read_bytes(), stream(path)

    @fuzz("many")
    def check(data):
        path.write_bytes(damaged(data, content))
        found = in_one_line(stream, path)
        assert found is None or np.array_equal(found, whole)

    check()


def list_without(path, name):
    """Make the entry before `name` in the list at the end of a zip take it for its own comment: `zipfile` reads on."""
    content = bytearray(path.read_bytes())
    entries = [match.start() for match in re.finditer(b"PK\1\2|PK\5\6", content)]
    lost = next(n for n, at in enumerate(entries) if content[at + 46 :].startswith(name))
    length = entries[lost + 1] - entries[lost]
    content[entries[lost - 1] + 32 : entries[lost - 1] + 34] = length.to_bytes(2, "little")
    path.write_bytes(content)


@pytest.mark.parametrize("lost", ["labels", "arr_0"])
def test_a_list_of_arrays_that_has_lost_one_is_refused(tmp_path, lost):
    path = tmp_path / "x.npz"
    np.savez(path, mu=PIXELS.mean((1, 2, 3)), arr_0=PIXELS, labels=np.arange(10))
    assert names(path) == ["mu", "arr_0", "labels"]
    list_without(path, lost.encode())
    for read in (names, open_images, open_reference):
        with pytest.raises(AssetError) as caught:
            read(path)
        assert "\n" not in str(caught.value) and "Fetch it again" in str(caught.value)


def test_an_array_that_is_listed_under_another_name_is_refused(tmp_path):
    """Or a reference would lose its `mu` and be made again from its images."""
    path = tmp_path / "x.npz"
    np.savez(path, mu=PIXELS.mean((1, 2, 3)), sigma=np.eye(10), arr_0=PIXELS)
    before, _, after = path.read_bytes().rpartition(b"mu.npy")  # the last one is the list's
    path.write_bytes(before + b"mv.npy" + after)
    with pytest.raises(AssetError, match="Fetch it again"):
        open_reference(path)


def test_an_archive_with_a_comment_and_one_of_very_many_arrays_are_read(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, arr_0=PIXELS)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"made by hand, on a Monday"
    assert names(path) == ["arr_0"]
    with zipfile.ZipFile(path, "w") as archive:
        for n in range(0x10001):  # told in another record then
            archive.writestr(f"{n}.npy", b"")
    assert len(names(path)) == 0x10001


def test_shards_of_a_run(tmp_path_factory):
    """.npy: what is damaged is drawn again."""
    folder = tmp_path_factory.mktemp("shards")
    for first in (0, 6):
        image_shards.save_shard(folder, first, PIXELS[first : first + 6])
    path = folder / "00000000.npy"
    content, told = path.read_bytes(), []

    @fuzz()
    def check(data):
        path.write_bytes(damaged(data, content))
        told.clear()
        found = in_one_line(image_shards.count_kept, folder, 6, 10, told.append)
        assert found == (10 if path.read_bytes() == content else 0) and len(told) == (found == 0)
        assert "\n" not in "".join(told)

    check()


def test_references(tmp_path_factory):
    path = tmp_path_factory.mktemp("npz") / "reference.npz"
    np.savez_compressed(path, mu=PIXELS.mean((1, 2, 3)), sigma=np.eye(10), arr_0=PIXELS)
    content, whole = path.read_bytes(), open_reference(path)

    def read(path):
        found = open_reference(path)
        return found, None if found.images is None else np.concatenate(list(found.images.batches(4)))

    @fuzz("many")
    def check(data):
        path.write_bytes(damaged(data, content))
        found = in_one_line(read, path)
        if found is not None:
            reference, images = found
            assert all(map(np.array_equal, reference.statistics, whole.statistics))
            assert np.array_equal(images, PIXELS)

    check()


def test_cached_features_are_made_again(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    np.savez(folder / "x.npz", arr_0=PIXELS)
    images, preset = open_images(folder / "x.npz"), FidelityPreset("t", "mean", "vector", "logits", "none")

    def means(batch):
        return batch.float().mean((2, 3)), batch.float().mean((2, 3))

    def read():
        return extract(images, preset, lambda: means, "", "cpu", folder / "cache", lambda done, total: None)

    whole = read()
    (path,) = (folder / "cache").iterdir()
    content = path.read_bytes()

    @fuzz()
    def check(data):
        path.write_bytes(damaged(data, content))
        found = read()
        assert torch.equal(found.vectors, whole.vectors) and torch.equal(found.logits, whole.logits)
        assert found.size == whole.size and len(list((folder / "cache").iterdir())) == 1

    check()


def test_weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "x.pth"
    torch.save({"a": torch.arange(9.0), "b": [1, "x"]}, path)
    content = path.read_bytes()

    @fuzz("few")
    def check(data):
        path.write_bytes(damaged(data, content))
        with pytest.raises(AssetError) as caught:
            open_extractor(ADM, path, "cpu")
        assert "\n" not in str(caught.value) and "weights_only" not in str(caught.value)

    check()


# ----------------------------------------------------------------------------------------------------------- GenEval
ROWS = [single_object("circle"), counting("square", 2)]


@pytest.fixture
def scored(tmp_path, capsys):
    """A scored folder; the function runs a command and gives its output, or None for one line on stderr."""
    circle = {"shape": "circle", "color": "red", "cx": 16, "cy": 16, "r": 7}
    for i, row in enumerate(ROWS):
        write_prompt(tmp_path / "images", i, row, np.stack([render([circle], 32, 134), render([], 32, 134)]))
    (tmp_path / "suite.jsonl").write_text(to_jsonl(ROWS))
    common = ["--metadata", str(tmp_path / "suite.jsonl"), "--images-per-prompt", "2"]

    def run(name, *words):
        code = main([name, *map(str, words), *(common if name in ("score", "summary") else [])])
        out, err = capsys.readouterr()
        if code:
            lines = [line for line in err.splitlines() if line and " in shard 1/1, results in " not in line]
            assert out == "" and len(lines) == 1, err
        return None if code else out

    run("score", tmp_path / "images", "--detector", "shapes", "--out", tmp_path / "ours.jsonl")
    return tmp_path, run


def check_command(path, often, run, *, equal, before=lambda: None):
    """`run` with a damaged `path` fails in one line, or says what it says of the undamaged one (if `equal`)."""
    content, whole = path.read_bytes(), run()
    assert whole

    @fuzz(often)
    def check(data):
        before()
        path.write_bytes(damaged(data, content))
        found = run()
        assert found is None or found == whole or not equal

    check()


def fresh(folder):
    for path in folder.glob("new.jsonl*"):
        path.unlink()


def test_results(scored):
    folder, run = scored
    check_command(folder / "ours.jsonl", "some", lambda: run("summary", folder / "ours.jsonl"), equal=True)


@pytest.mark.parametrize("name", ["ours.jsonl", "ours.jsonl.manifest.json"])
def test_results_that_are_judged_again(scored, name):
    folder, run = scored
    again = ("rescore", folder / "ours.jsonl", "--out", folder / "new.jsonl", "--threshold", "0.4")
    whole = run(*again)

    def judged():
        found = run(*again)
        return found if found is None or "Total images: 4" in found else f"{whole}"

    check_command(folder / name, "some", judged, equal=True, before=lambda: fresh(folder))


def test_results_that_are_continued(scored):
    folder, run = scored
    again = ("score", folder / "images", "--detector", "shapes", "--out", folder / "ours.jsonl")
    check_command(folder / "ours.jsonl", "some", lambda: run(*again), equal=True)


@pytest.mark.parametrize("name", ["images/00001/metadata.jsonl", "suite.jsonl", "images/00000/samples/00000.png"])
def test_prompts_and_images(scored, name):
    folder, run = scored
    score = ("score", folder / "images", "--detector", "shapes", "--out", folder / "new.jsonl")
    check_command(folder / name, "some", lambda: run(*score), equal=True, before=lambda: fresh(folder))


@pytest.mark.parametrize("name", ["theirs.jsonl", "boxes.json"])
def test_stored_detections(scored, name):
    """Without checksums: GenEval's own results, and the JSON of any detector."""
    folder, run = scored
    rows = [json.loads(line) for line in (folder / "ours.jsonl").read_text().splitlines()]
    kept = ("filename", "tag", "prompt", "correct", "reason", "metadata", "details")
    boxes = {row["filename"]: json.loads(row["details"]) for row in rows}
    lines = [json.dumps({column: row[column] for column in kept}) + "\n" for row in rows]
    (folder / name).write_text("".join(lines) if name == "theirs.jsonl" else json.dumps(boxes))
    score = ("score", folder / "images", "--detector", "precomputed", "--weights", folder / name, "--out",
             folder / "new.jsonl")  # fmt: skip
    check_command(folder / name, "some", lambda: run(*score), equal=False, before=lambda: fresh(folder))


def test_selftests(scored):
    folder, run = scored
    image = folder / "images/00000/samples/00000.png"
    run("selftest", image.with_suffix(".json"), "--record", image, "--detector", "shapes")
    test = ("selftest", image.with_suffix(".json"), "--detector", "shapes")
    check_command(image.with_suffix(".json"), "some", lambda: run(*test), equal=False)


# ------------------------------------------------------------------------------------------- shards, captions, others
def test_shards_of_images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    with webdataset.TarWriter(str(folder / "a.tar")) as writer:
        for i in range(4):  # noise, so that a member is longer than what a tar may have behind its end
            noise = np.random.default_rng(i).integers(0, 256, (72, 72, 3), dtype=np.uint8)
            writer.write({"__key__": f"{i}", "png": encoded(noise), "txt": "x"})
    path, content = folder / "a.tar", (folder / "a.tar").read_bytes()

    def read():
        return torch.stack(list(real_images(folder, 16)))

    whole = read()

    @fuzz("many")
    def check(data):
        path.write_bytes(damaged(data, content))
        found = in_one_line(read)
        assert found is None or torch.equal(found, whole)

    check()


def test_loose_images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "images").mkdir()
    path, content = folder / "images/a.png", CHECKED["colours"]
    path.write_bytes(content)
    whole = torch.stack(list(real_images(folder, 8)))

    @fuzz()
    def check(data):
        path.write_bytes(damaged(data, content))
        found = in_one_line(lambda: real_images(folder, 8).draw(1, torch.Generator()))
        assert found is None or torch.equal(found, whole)

    check()


def caption_file(folder, kind):
    words = ["a cat on a mat", "drei Bären", "五 dogs"]
    path = folder / {"text": "captions.txt", "table": "captions.parquet", "shard": "a.tar"}[kind]
    if kind == "text":
        path.write_text("\n".join(words), encoding="utf-8")
    elif kind == "table":
        pyarrow.parquet.write_table(pyarrow.table({"caption": words}), path)
    else:
        with webdataset.TarWriter(str(path)) as writer:
            for i, caption in enumerate(words):
                writer.write({"__key__": f"{i}", "json": {"caption": caption}})
    return path


@pytest.mark.parametrize("kind", ["text", "table", "shard"])
def test_captions(tmp_path_factory, kind):
    path = caption_file(tmp_path_factory.mktemp("captions"), kind)
    content = path.read_bytes()

    @fuzz()
    def check(data):
        path.write_bytes(damaged(data, content))
        found = in_one_line(lambda: open_captions(path.parent).draw(5, torch.Generator().manual_seed(0)))
        assert found is None or all(isinstance(caption, str) for caption in found)

    check()


def test_captions_of_a_table_that_are_not_utf8_are_refused(tmp_path):
    """Arrow takes the file's word that a column is text."""
    path = tmp_path / "captions.parquet"
    words = pyarrow.array(["a cat", "a c\u00e4t"])
    wrong = pyarrow.py_buffer(words.buffers()[2].to_pybytes().replace(b"\xc3\xa4", b"\xff\xfe"))
    column = pyarrow.Array.from_buffers(pyarrow.string(), 2, [None, words.buffers()[1], wrong])
    pyarrow.parquet.write_table(pyarrow.table({"caption": column}), path)
    with pytest.raises(AssetError, match="cannot be read as Parquet: .*UTF8.* Fetch it again"):
        open_captions(tmp_path)


def test_layouts_of_pipelines(tmp_path_factory):
    path = tmp_path_factory.mktemp("pipeline") / "model_index.json"
    path.write_text(json.dumps({"_class_name": "P", "vae": ["diffusers", "V"], "x": [None, None], "flag": True}))
    content = path.read_bytes()

    @fuzz()
    def check(data):
        path.write_bytes(damaged(data, content))
        found = in_one_line(read_layout, path.parent)
        assert found is None or isinstance(found.kind, str)

    check()


@pytest.mark.parametrize("kind", ["safetensors", "pt", "legacy.pt"])
def test_published_weights(tmp_path_factory, kind):
    """Checksums are an archive's: in safetensors and in legacy files a flipped number is another number."""
    path, state = tmp_path_factory.mktemp("weights") / f"x.{kind}", {"a": torch.arange(9.0), "b": torch.ones(2, 3)}
    if kind == "safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind == "pt")
    content = path.read_bytes()

    @fuzz()
    def check(data):
        path.write_bytes(damaged(data, content))
        found = in_one_line(load_state, path)
        assert found is None or all(isinstance(tensor, torch.Tensor) for tensor in found.values())
        if kind == "pt" and found is not None and list(found) == list(state):
            assert all(torch.equal(found[name], state[name]) for name in state)

    check()


SWEEP = """\
name: tëst
seeds: [0, 1]
profiles: {embedded: ["optim.steps=3", "optim.lr=1e-3"]}
tables:
  - id: a
    caption: "α of 5%"
    grid: ["estimator=soft,ste"]
    rows: [{id: ste, label: STE, where: {estimator: ste}, published: 0.43}]
    claims: []
"""


@pytest.mark.parametrize("kind", ["bytes", "words"])
def test_sweep_files(tmp_path_factory, kind):
    """words: lines in another order, twice, gone, or with others' indentation."""
    path, content = tmp_path_factory.mktemp("sweep") / "a.yaml", SWEEP.encode()

    @fuzz("many")
    def check(data):
        if kind == "bytes":
            path.write_bytes(damaged(data, content))
        else:
            signal.alarm(SECONDS)
            lines = SWEEP.splitlines()
            chosen = data.draw(st.lists(st.sampled_from(lines), min_size=1, max_size=12))
            indents = data.draw(st.lists(st.sampled_from(["", "  ", "- ", "? "]), min_size=12, max_size=12))
            path.write_text("\n".join(indent + line for indent, line in zip(indents, chosen, strict=False)))
        found = in_one_line(load_sweep, path)
        assert found is None or found.tables

    check()


def test_archives_of_runs(tmp_path_factory, tiny_runs_made):
    """All of it, as it was, or nothing."""
    archive, listed = tiny_runs_made
    content, folder = archive.read_bytes(), tmp_path_factory.mktemp("import")

    @fuzz()
    def check(data):
        results, path = folder / "results", folder / "a.tar.gz"
        shutil.rmtree(results, ignore_errors=True)
        path.write_bytes(damaged(data, content))
        if in_one_line(unpack, path, results) is None:
            assert not [one for one in results.rglob("*") if one.is_file()]
        else:
            assert hashes(results / "runs") == listed

    check()


def hashes(folder):
    return {path.relative_to(folder).as_posix(): sha256(path) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def tiny_runs_made(tiny, tmp_path):
    """(an archive of a tiny sweep's runs, the hashes of what it holds)."""
    file, words = tiny.write_sweep(tmp_path), ["optim.steps=2", "seeds=[0]", "evaluation.images_per_prompt=1"]
    sweep = load_sweep(file, words)
    run_inline([RunDir.create(tmp_path / "results", config) for config in sweep.runs().values()], lambda end: None)
    assert (
        archive.main([str(file), *words, "--results", str(tmp_path / "results"), "--out", f"{tmp_path}/x.tar.gz"]) == 0
    )
    unpack(tmp_path / "x.tar.gz", tmp_path / "again")
    return tmp_path / "x.tar.gz", hashes(tmp_path / "again" / "runs")


# --------------------------------------------------------------------------------------- hostile, rather than damaged
HOSTILE = {
    "brackets": b"[" * 100_000,
    "objects": b'{"a":' * 100_000,
    "not UTF-8": b'{"prompt": "\xff\xfe"}',
    "UTF-16": '{"prompt": "a"}'.encode("utf-16"),
    "a long number": b'{"count": ' + b"9" * 5000 + b"}",
    "not a number": b'{"count": NaN}',
    "endless": b'{"count": 1e999}',
    "a list": b"[1, 2]",
    "a word": b'"x"',
    "null": b"null",
    "nothing": b"",
    "zeros": bytes(1000),
    "twice": b'{"tag": "a", "tag": "b"}',
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("images/00001/metadata.jsonl", "score"),
        ("suite.jsonl", "score"),
        ("boxes.json", "stored"),
        ("boxes.jsonl", "stored"),
        ("ours.jsonl.manifest.json", "rescore"),
        ("test.json", "selftest"),
    ],
)
def test_hostile_json_is_told_in_one_line(scored, name, command, kind):
    folder, run = scored
    (folder / name).write_bytes(HOSTILE[kind])
    detector = (
        ["--detector", "precomputed", "--weights", folder / name] if command == "stored" else ["--detector", "shapes"]
    )
    words = {
        "score": ["score", folder / "images", "--out", folder / "new.jsonl", *detector],
        "stored": ["score", folder / "images", "--out", folder / "new.jsonl", *detector],
        "rescore": ["rescore", folder / "ours.jsonl", "--out", folder / "new.jsonl"],
        "selftest": ["selftest", folder / name, "--detector", "shapes"],
    }[command]
    assert run(*words) is None
    assert not (folder / "new.jsonl").exists()


@pytest.mark.parametrize("kind", [kind for kind in HOSTILE if kind not in ("nothing", "zeros")])
def test_hostile_captions_and_layouts_are_told_in_one_line(tmp_path, kind):
    with webdataset.TarWriter(str(tmp_path / "a.tar")) as writer:
        writer.write({"__key__": "0", "json": HOSTILE[kind]})
    (tmp_path / "model_index.json").write_bytes(HOSTILE[kind])
    with pytest.raises(ConfigError):
        open_captions(tmp_path)
    if kind != "endless":
        with pytest.raises(AssetError):
            read_layout(tmp_path)
