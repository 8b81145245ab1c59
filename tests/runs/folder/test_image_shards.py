"""Images on disk: shards join into what numpy would have saved, and a damaged one is drawn anew."""

import numpy as np
import pytest

from fpd_bench.runs.folder import image_shards


@pytest.fixture
def drawn(tmp_path):
    """7 items of 3 replicates, in shards of 8; (folder, all images)."""
    everything = np.random.default_rng(0).integers(0, 256, (21, 4, 4, 3), dtype=np.uint8)
    for first in range(0, 21, 8):
        image_shards.save_shard(tmp_path / "x.shards", first, everything[first : first + 8])
    return tmp_path / "x.shards", everything


def test_shards_join_into_what_numpy_would_have_saved(drawn, tmp_path):
    folder, everything = drawn
    assert image_shards.count_kept(folder, 8, 21, pytest.fail) == 21
    image_shards.join_shards(folder, tmp_path / "x.npz", 7, 3, 8)
    expected = everything.reshape(7, 3, 4, 4, 3)
    np.savez_compressed(tmp_path / "y.npz", images=expected)
    assert (tmp_path / "x.npz").read_bytes() == (tmp_path / "y.npz").read_bytes()
    assert np.array_equal(np.stack(list(image_shards.images_by_item(tmp_path / "x.npz"))), expected)
    assert not folder.exists()


@pytest.mark.parametrize("damage", ["missing", "cut", "empty", "short"])
def test_drawing_goes_on_behind_the_last_sound_shard(drawn, damage):
    folder, everything = drawn
    path, warnings = folder / "00000008.npy", []
    if damage == "missing":
        path.unlink()
    elif damage == "short":
        image_shards.save_shard(folder, 8, everything[8:15])
    else:
        path.write_bytes(path.read_bytes()[:200] if damage == "cut" else b"")
    assert image_shards.count_kept(folder, 8, 21, warnings.append) == 8
    assert len(warnings) == (damage != "missing") and all(path.name in text for text in warnings)
