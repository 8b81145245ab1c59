"""Captions and real images in every form that the data folder may have: drawn, repeated after a restart, refused."""

import io
import json

import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
import torch
import webdataset
from PIL import Image

from fpd_bench.errors import AssetError
from fpd_bench.tracks.captions import open_captions
from fpd_bench.tracks.pictures import open_images

WORDS = ["a cat on a mat", "red bus", "a dog", "three cups", "two birds"]


def generator():
    return torch.Generator().manual_seed(3)


def png(colour):
    file = io.BytesIO()
    Image.new("RGB", (24, 20), colour).save(file, format="PNG")
    return file.getvalue()


def shards(folder, samples, per_shard=2):
    """Real WebDataset shards, written by webdataset itself."""
    folder.mkdir(parents=True, exist_ok=True)
    with webdataset.ShardWriter(str(folder / "part-%03d.tar"), maxcount=per_shard, verbose=0) as writer:
        for i, sample in enumerate(samples):
            writer.write({"__key__": f"{i:05d}", **sample})


def text(folder):
    (folder / "captions.txt").write_text("\n\n".join(f"  {words} " for words in WORDS))


def table(folder, column="caption"):
    for i, part in enumerate((WORDS[:2], [*WORDS[2:], None])):
        parquet.write_table(arrow.table({"id": list(range(len(part))), column: part}), folder / f"captions-{i}.parquet")


def tars(folder):
    shards(folder, [{"txt": words, "png": png("red")} for words in WORDS])


def json_tars(folder):
    shards(folder, [{"json": {"Caption": words, "id": 3}} for words in WORDS])


@pytest.mark.parametrize("write", [text, table, tars, json_tars])
def test_captions_are_drawn_and_go_on_where_they_stood(tmp_path, write):
    write(tmp_path)
    captions, draws = open_captions(tmp_path), generator()
    first = captions.draw(40, draws)
    position = draws.get_state()
    second = captions.draw(40, draws)
    assert (
        set(first + second) == set(WORDS)
        and len(captions.digest) == 64
        and "captions" in captions.describe() + str(write)
    )
    resumed = torch.Generator()
    resumed.set_state(position)
    assert open_captions(tmp_path).draw(40, resumed) == second != first


def test_captions_that_cannot_be_used(tmp_path):
    with pytest.raises(AssetError, match="FPD_DATA"):
        open_captions(tmp_path)
    shards(tmp_path, [{"json": {"url": "x", "width": 3}}])
    with pytest.raises(AssetError, match="fields url, width; captions need caption or text or prompt"):
        open_captions(tmp_path)
    shards(tmp_path, [{"png": png("red")}])
    with pytest.raises(AssetError, match="holds no captions"):
        open_captions(tmp_path)
    table(tmp_path, "title")
    with pytest.raises(AssetError, match="has columns id, title; captions need caption or text or prompt"):
        open_captions(tmp_path)
    (tmp_path / "captions-0.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(AssetError, match="cannot be read as Parquet"):
        open_captions(tmp_path)
    (tmp_path / "captions.txt").write_text("\n \n")
    with pytest.raises(AssetError, match="holds no captions"):
        open_captions(tmp_path)
    (tmp_path / "captions.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(AssetError, match="not UTF-8"):
        open_captions(tmp_path)


COLOURS = ["red", "green", "blue", "white", "black"]


def loose(folder):
    for i, colour in enumerate(COLOURS):
        path = folder / f"images/{i % 2}/{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(colour))


def in_shards(folder):
    shards(folder / "images", [{"png": png(colour), "txt": "x"} for colour in COLOURS])


def beside_captions(folder):
    shards(folder, [{"png": png(colour), "txt": "x"} for colour in COLOURS])


@pytest.mark.parametrize("write", [loose, in_shards, beside_captions])
def test_images_are_drawn_and_go_on_where_they_stood(tmp_path, write):
    write(tmp_path)
    images, draws = open_images(tmp_path, 16), generator()
    first = images.draw(30, draws)
    position = draws.get_state()
    second = images.draw(30, draws)
    assert first.shape == (30, 3, 16, 16) and 0 <= first.min() and first.max() <= 1
    assert len({tuple(image[:, 0, 0].tolist()) for image in first}) == 5
    resumed = torch.Generator()
    resumed.set_state(position)
    assert torch.equal(open_images(tmp_path, 16).draw(30, resumed), second)
    assert len(list(images)) == 5 and len(images.digest) == 64
    assert "shard" in images.describe() or "5 images" in images.describe()


def test_images_that_cannot_be_used(tmp_path):
    with pytest.raises(AssetError, match="gan.weight=0"):
        open_images(tmp_path, 16)
    (tmp_path / "images").mkdir()
    with pytest.raises(AssetError, match="gan.weight=0"):
        open_images(tmp_path, 16)
    (tmp_path / "images/a.png").write_bytes(b"no picture")
    with pytest.raises(AssetError, match="Cannot read the image .*a.png"):
        open_images(tmp_path, 16).draw(1, generator())
    (tmp_path / "images/a.png").unlink()
    shards(tmp_path / "images", [{"txt": "no picture"}])
    with pytest.raises(AssetError, match="holds no images"):
        open_images(tmp_path, 16).draw(1, generator())
    shard = tmp_path / "images/part-000.tar"
    in_shards(tmp_path)
    shard.write_bytes(shard.read_bytes()[:700])
    (tmp_path / "images/part-001.tar").unlink()
    (tmp_path / "images/part-002.tar").unlink()
    with pytest.raises(AssetError, match="part-000.tar' cannot be read"):
        open_images(tmp_path, 16).draw(1, generator())


def test_a_shard_of_labelled_images(tmp_path):
    """ImageNet shards as timm publishes them: jpg, cls and json members."""
    file = io.BytesIO()
    Image.new("RGB", (20, 30), "red").save(file, format="JPEG")
    sample = {"jpg": file.getvalue(), "cls": "7", "json": json.dumps({"label": 7}).encode()}
    shards(tmp_path / "images", [sample])
    assert open_images(tmp_path, 16).draw(2, generator()).shape == (2, 3, 16, 16)
