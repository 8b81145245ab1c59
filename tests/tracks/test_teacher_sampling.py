"""The teachers that this package ships guide as strongly, and draw as noisily, as a configuration asks."""

import pytest
import torch

from fpd_bench.models.streams import generator_of
from fpd_bench.registry import tracks


@pytest.mark.parametrize("name", [name for name in tracks.in_this_tree if tracks.declaration(name).shipped])
@pytest.mark.parametrize("changed", [{"guidance": 9.0}, {"noise": 0.0}], ids=str)
def test_guidance_and_noise_change_what_the_teacher_draws(changed, name):
    track = tracks.get(name)(tracks.declaration(name).default)
    condition = track.suite("validation").condition[:4]

    def drawn(**changed):
        return track.teacher_sample(condition, 4, [generator_of(0, "x", str(i), 0) for i in range(4)], **changed)

    assert torch.equal(drawn(), drawn()) and not torch.equal(drawn(), drawn(**changed))
