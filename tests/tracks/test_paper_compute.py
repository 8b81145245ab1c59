"""bf16 and activation checkpointing through every network of the paper's tracks: student, decoder, backbone."""

import pytest
import torch

from fpd_bench.models.compute import computing
from fpd_bench.models.projected_gan import VitFeatures
from fpd_bench.tracks.maskgen.track import MaskGenTrack
from fpd_bench.tracks.maskgit.track import MaskGitTrack


@pytest.fixture(scope="module", params=[MaskGenTrack, MaskGitTrack], ids=["maskgen", "maskgit"])
def track(request, published):
    return request.param(weights=published.weights)


def routed(track, **ways):
    """(gradient of a student through decoder and backbone, bytes kept for it)."""
    student, kept = track.new_student(), {}
    condition = track.draw_conditions(4, torch.Generator().manual_seed(0))
    tokens = torch.full((4, track.n_tokens), track.n_codes)

    def keep(tensor):
        if not isinstance(tensor, torch.nn.Parameter):
            kept[tensor.untyped_storage()._cdata] = tensor.untyped_storage().nbytes()
        return tensor

    with computing(**ways):
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            embeddings = student(tokens, condition).softmax(-1) @ track.tokenizer.codebook
            features = track.backbone.select([2, 11])(track.tokenizer.decode(embeddings, condition))
        assert all(maps.dtype == torch.float32 for maps in features.values())
        torch.stack([maps.square().mean() for maps in features.values()]).sum().backward()
    gradient = torch.cat([p.grad.flatten() for p in student.parameters() if p.grad is not None])
    return gradient, sum(kept.values())


def test_recomputed_activations_are_not_kept_and_change_nothing(track):
    plain, kept = routed(track)
    again, less = routed(track, recompute=True)
    torch.testing.assert_close(again, plain, rtol=1e-5, atol=float(plain.abs().max()) * 1e-6)
    assert less < kept / 2, f"{less} of {kept} bytes"


def test_bf16_points_the_same_way(track):
    plain, half = routed(track)[0], routed(track, precision="bf16")[0]
    assert half.dtype == torch.float32 and not torch.equal(half, plain)
    assert torch.nn.functional.cosine_similarity(half, plain, dim=0) > 0.95


def test_the_discriminators_transformer_has_the_switches_too():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = VitFeatures("deit_tiny_distilled_patch16_224", pretrained=False).requires_grad_(False).eval()
    images = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0)).requires_grad_()

    def gradient(**ways):
        images.grad = None
        with computing(**ways):
            torch.stack([maps.square().mean() for maps in network(images)]).sum().backward()
        return images.grad.flatten()

    plain = gradient()
    torch.testing.assert_close(gradient(recompute=True), plain)
    assert 0.95 < torch.nn.functional.cosine_similarity(gradient(precision="bf16"), plain, dim=0) < 1 - 1e-7
