"""What every test may use: the golden data, one thread per process, repeatable properties."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Read by torch, numpy and OpenBLAS when they load. Set here instead of torch.set_num_threads, so that a test of a
# torch-free room does not pay for importing torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

# Deterministic, and without a deadline: two workers on two busy cores make any deadline a coin toss.
settings.register_profile("house", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("house")


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    """Folder of reference inputs and outputs; FPD_GOLDEN_DIR points the same tests at another folder."""
    folder = Path(os.environ.get("FPD_GOLDEN_DIR") or Path(__file__).parent / "golden")
    if not folder.is_dir():
        pytest.fail(f"No golden data in '{folder}'. Unset FPD_GOLDEN_DIR or point it at a folder like tests/golden.")
    return folder


@pytest.fixture(scope="session")
def golden_set() -> str:
    """Which set of that folder: `drift_<set>.safetensors` and its siblings; FPD_GOLDEN_SET, `a` by default."""
    return os.environ.get("FPD_GOLDEN_SET") or "a"


@pytest.fixture(scope="session")
def small_track(tmp_path_factory):
    """The shapes track at preset `coarse`, all real, but with a small untrained teacher from assets of its own."""
    import torch

    from fpd_bench.models.transformer import MaskedTransformer, Shape
    from fpd_bench.tracks.shapes import assets
    from fpd_bench.tracks.shapes.prompts import TEXT_LENGTH, vocabulary
    from fpd_bench.tracks.shapes.tokenizer import draw_codebook
    from fpd_bench.tracks.shapes.track import ShapesTrack
    from fpd_bench.tracks.shapes.world import preset

    world, folder = preset("coarse"), tmp_path_factory.mktemp("assets")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        words = len(vocabulary(world)) + 1
        network = MaskedTransformer(Shape(world.codes, world.tokens, words, TEXT_LENGTH, width=32, depth=1, heads=2))
        torch.nn.init.normal_(network.token.weight, std=1.0)  # enough for logits that depend on what is visible
        torch.nn.init.normal_(network.word.weight, std=1.0)
    assets.store_preset("coarse", draw_codebook(world), network, folder)
    return ShapesTrack("coarse", folder)


@pytest.fixture
def tiny(monkeypatch):
    """The module of helpers in plugin/tiny_runs.py, with the tiny track registered."""
    monkeypatch.syspath_prepend(Path(__file__).parent / "plugin")
    from fpd_bench.registry import tracks

    before = dict(tracks._entries)
    import tiny_bench
    import tiny_runs

    tracks._entries["tiny"] = tiny_bench.TinyTrack
    yield tiny_runs
    tracks._entries.clear()
    tracks._entries.update(before)


@pytest.fixture(scope="session")
def small_digits(tmp_path_factory):
    """The digits track with real images, but with small untrained networks from assets of its own."""
    import torch

    from fpd_bench.models.conv_vq import ConvVq, VqShape
    from fpd_bench.models.transformer import MaskedTransformer, Shape
    from fpd_bench.tracks.digits.assets import store_part
    from fpd_bench.tracks.digits.classifier import DigitClassifier
    from fpd_bench.tracks.digits.language import WORDS
    from fpd_bench.tracks.digits.track import DigitsTrack

    folder = tmp_path_factory.mktemp("digits")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vq = ConvVq(VqShape(codes=32, dim=8, widths=(8, 8, 16), decoder=1))
        network = MaskedTransformer(Shape(vq.shape.codes, vq.shape.grid**2, WORDS, 1, width=32, depth=1, heads=2))
        torch.nn.init.normal_(network.token.weight, std=1.0)  # enough for logits that depend on what is visible
        torch.nn.init.normal_(network.word.weight, std=1.0)
        parts = {"classifier": DigitClassifier(), "tokenizer": vq, "teacher": network}
    for part, made in parts.items():
        store_part(part, "default", made, folder)
    return DigitsTrack("default", folder)
