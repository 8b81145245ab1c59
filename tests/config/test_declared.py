"""What is declared of tracks without importing torch is what the tracks themselves say."""

from fpd_bench.registry import tracks


def test_sizes_of_the_shapes_presets():
    from fpd_bench.tracks.shapes.world import PRESETS

    assert {name: (facts.tokens, facts.pixels) for name, facts in tracks.declaration("shapes").presets.items()} == {
        name: (world.tokens, world.pixels) for name, world in PRESETS.items()
    }
