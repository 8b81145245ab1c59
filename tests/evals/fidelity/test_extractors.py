"""The real networks: Inception's architecture with random weights, EfficientNet-Lite0 with its own."""

import pytest
import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from fpd_bench.assets.inception import INCEPTION_FILE
from fpd_bench.errors import AssetError
from fpd_bench.evals.fidelity.extractors import open_extractor, weights_file, weights_hash
from fpd_bench.evals.fidelity.presets import ADM, LITE0


@pytest.fixture(scope="module")
def inception(tmp_path_factory):
    """A file like the published one, with random weights."""
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    with torch.random.fork_rng(), pytest.MonkeyPatch.context() as patch:
        torch.manual_seed(0)
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        patch.setattr("torch_fidelity.feature_extractor_inceptionv3.load_state_dict_from_url", lambda *_, **__: {})
        network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
    torch.save(network.state_dict(), path)
    return path


def test_inception_opens_from_a_file_and_gives_the_layers_of_the_papers(inception):
    network = open_extractor(ADM, weights_file(ADM, inception), "cpu")
    with torch.inference_mode():
        vectors, logits = network(torch.randint(256, (2, 3, 64, 64), dtype=torch.uint8))
    assert (vectors.shape, logits.shape) == ((2, 2048), (2, 1008))
    assert not any(tensor.requires_grad for tensor in network.parameters())
    assert len(weights_hash(ADM, inception)) == 64


def test_missing_inception_weights_are_named_with_where_they_are_published(monkeypatch, tmp_path):
    monkeypatch.setenv("FPD_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    with pytest.raises(AssetError, match=f"wget -O {tmp_path}.*releases/download/v0.2.0/{INCEPTION_FILE}"):
        weights_file(ADM)
    (tmp_path / "torch-fidelity").mkdir()
    (tmp_path / "torch-fidelity" / INCEPTION_FILE).write_bytes(b"")
    assert weights_file(ADM) == tmp_path / "torch-fidelity" / INCEPTION_FILE


def test_a_file_that_is_not_what_its_name_says_is_refused(inception, tmp_path):
    torn = tmp_path / INCEPTION_FILE
    torn.write_bytes(inception.read_bytes()[:1000])
    with pytest.raises(AssetError, match="expected 6726825d"):
        open_extractor(ADM, torn, "cpu")
    torch.save({"weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(AssetError, match="does not fit 'inception-v3-compat'"):
        open_extractor(ADM, tmp_path / "other.pth", "cpu")
    torch.save(open_extractor, tmp_path / "code.pth")
    with pytest.raises(AssetError, match="would run code"):
        open_extractor(ADM, tmp_path / "code.pth", "cpu")


def test_lite0_recognises_colours_of_pixels_in_any_size():
    network = open_extractor(LITE0, weights_file(LITE0), "cpu")
    with torch.inference_mode():
        images = torch.randint(256, (3, 3, 40, 32), dtype=torch.uint8)
        vectors, logits = network(images)
        alone, _ = network(images[:1])
    assert (vectors.shape, logits.shape) == ((3, 1280), (3, 1000))
    torch.testing.assert_close(vectors[:1], alone, atol=1e-4, rtol=1e-4)
    assert len(weights_hash(LITE0, None)) == 64
