"""The shapes detector on scenes whose truth is known, and on pictures that show nothing."""

from itertools import combinations, product

import numpy as np
import pytest
from scipy import ndimage

from fpd_bench.errors import ConfigError, UnknownName
from fpd_bench.evals.geneval.detectors import score_images
from fpd_bench.evals.geneval.prompt_grammar import every_row
from fpd_bench.tracks.shapes.components import find_objects
from fpd_bench.tracks.shapes.detector import Detector
from fpd_bench.tracks.shapes.drawing import PALETTE, SHAPES, coverage, render, render_free_scene
from fpd_bench.tracks.shapes.geneval_backend import ShapesBackend
from fpd_bench.tracks.shapes.templates import Templates

SHAPE_LIST, COLOUR_LIST = list(SHAPES), list(PALETTE)
CELLS = list(product((8, 16, 24), repeat=2))  # centres of 16 x 16 px blocks on the 8 px grid


def thing(shape, color, cx, cy, r=7.0):
    return {"shape": shape, "color": color, "cx": cx, "cy": cy, "r": r}


def scenes(count, generator):
    """`count` aligned scenes of 1-4 objects as (objects, image)."""
    for i in range(count):
        n = i % 4 + 1
        while True:
            cells = [CELLS[j] for j in generator.integers(len(CELLS), size=n)]
            if all(max(abs(a[0] - b[0]), abs(a[1] - b[1])) >= 16 for a, b in combinations(cells, 2)):
                break
        things = [thing(generator.choice(SHAPE_LIST), generator.choice(COLOUR_LIST), *cell) for cell in cells]
        yield things, render(things, 32, 134)


def words(found):
    return sorted((f["class"], f["color"]) for f in found)


def truth(things):
    return sorted((t["shape"], t["color"]) for t in things)


@pytest.fixture(scope="module")
def detector():
    return Detector(SHAPE_LIST, COLOUR_LIST)


@pytest.mark.parametrize("shape", SHAPE_LIST)
def test_every_shape_in_every_colour_and_place(detector, shape):
    for colour, (cx, cy) in product(COLOUR_LIST, CELLS):
        found = detector.detect(render([thing(shape, colour, cx, cy)], 32, 134))
        assert words(found) == [(shape, colour)]
        assert found[0]["score"] > 0.95
        x1, y1, x2, y2 = found[0]["box"]
        assert cx - 8 <= x1 < cx < x2 <= cx + 8 and cy - 8 <= y1 < cy < y2 <= cy + 8


def test_scenes_of_up_to_four_objects_are_exact(detector):
    for things, image in scenes(120, np.random.default_rng(0)):
        assert words(detector.detect(image)) == truth(things)


def test_touching_objects_of_other_colours_stay_apart(detector):
    pair = [thing("bar", "red", 8, 8, 7.9), thing("bar", "white", 24, 8, 7.9)]
    assert words(detector.detect(render(pair, 32, 134))) == truth(pair)


@pytest.mark.parametrize(
    ("damage", "least"),
    [
        (lambda im, rng: ndimage.gaussian_filter(im, (0.7, 0.7, 0)), 0.97),
        (lambda im, rng: im + rng.normal(0, 8, im.shape), 0.97),
        (lambda im, rng: ndimage.gaussian_filter(im, (1.0, 1.0, 0)), 0.90),
        (lambda im, rng: im + rng.normal(0, 16, im.shape), 0.94),
    ],
    ids=["blur .7", "noise 8", "blur 1", "noise 16"],
)
def test_names_survive_damage(detector, damage, least):
    rng = np.random.default_rng(1)
    right = total = 0
    for things, image in scenes(60, rng):
        damaged = np.clip(damage(image.astype(np.float64), rng) + 0.5, 0, 255).astype(np.uint8)
        found = words(detector.detect(damaged))
        total += len(things)
        right += sum(t in found for t in truth(things))
    assert right / total >= least


@pytest.mark.parametrize("size", [40, 48, 64])
def test_free_scenes_of_other_sizes(detector, size):
    rng = np.random.default_rng(size)
    for shape in SHAPE_LIST:
        r = rng.uniform(0.15, 0.2) * size
        place = rng.uniform(r + 0.5, size - r - 0.5, 2)
        things = [thing(shape, str(rng.choice(COLOUR_LIST)), *place, r)]
        assert words(detector.detect(render_free_scene(things, size, rng))) == truth(things)


def test_a_detector_knows_only_its_words():
    image = render([thing("star", "orange", 16, 16)], 32, 134)
    found = Detector(["circle", "square"], ["red", "yellow"]).detect(image)
    assert all(f["class"] in ("circle", "square") and f["color"] in ("red", "yellow") for f in found)
    with pytest.raises(UnknownName, match="'sqare'.*'square'"):
        Detector(["sqare"], ["red"])
    with pytest.raises(ConfigError, match="float64"):
        Detector(["square"], ["red"]).detect(image / 255)


def test_nothing_in_nothing(detector):
    assert detector.detect(np.full((32, 32, 3), 134, dtype=np.uint8)) == []
    rng = np.random.default_rng(3)
    rows = [row for task in ("single_object", "counting") for row in every_row(task, SHAPE_LIST, COLOUR_LIST)]
    noise = rng.integers(0, 256, (len(rows), 32, 32, 3), dtype=np.uint8)
    assert np.mean([r["score"] for r in score_images(noise, rows, ShapesBackend())]) <= 0.01


def test_right_pictures_score_and_permuted_prompts_do_not():
    rng = np.random.default_rng(4)
    rows = every_row("colors", SHAPE_LIST, COLOUR_LIST)
    images = np.stack(
        [
            render([thing(row["include"][0]["class"], row["include"][0]["color"], *CELLS[rng.integers(9)])], 32, 134)
            for row in rows
        ]
    )
    records = score_images(images, rows, ShapesBackend())
    assert [r["score"] for r in records] == [1.0] * len(rows)
    assert records[0]["task"] == "colors" and list(records[0]["detail"]["objects"]) == ["circle"]
    permuted = [rows[i] for i in rng.permutation(len(rows))]
    assert np.mean([r["score"] for r in score_images(images, permuted, ShapesBackend())]) < 0.06


def test_fragments_are_not_objects_where_sizes_are_known():
    shapes, colours = ["circle", "square", "triangle", "cross", "ring"], ["red", "blue", "white"]
    strict, lenient = Detector(shapes, colours, radii=(5.6, 8.4)), Detector(shapes, colours)
    pieces = 0
    for shape, colour in product(shapes, colours):
        whole = render([thing(shape, colour, 16, 16)], 32, 134)
        quarter = np.full_like(whole, 134)
        quarter[8:16, 8:16] = whole[8:16, 8:16]
        pieces += len(lenient.detect(quarter))
        assert words(strict.detect(whole)) == [(shape, colour)] and strict.detect(quarter) == []
    assert pieces == len(shapes) * len(colours)


def test_loose_rim_pixels_go_to_the_nearest_object():
    labels = np.full((32, 32), -1)
    labels[8:16, 8:16] = 0
    labels[8:16, 16] = 1  # a rim of another colour, too small to be an object
    labels[8:12, 20] = 1  # specks out of reach
    owner = find_objects(labels, 2, 1.0)
    assert (owner[8:16, 8:17] == 1).all() and (owner[:, 17:] == 0).all()


def test_a_thin_rim_is_not_an_object_and_a_thin_line_is():
    labels = np.full((32, 32), -1)
    labels[8:16, 8:16] = 0
    labels[8:24, 16] = 1
    assert find_objects(labels, 2, 1.0).max() == 1
    labels[8:24, 16], labels[8:24, 26] = -1, 1
    assert find_objects(labels, 2, 1.0).max() == 2


def test_templates_know_blur_and_subpixel_places():
    templates = Templates(["circle", "star"], 32)
    for blur, expected in ((0.0, 1.0), (0.5, 0.98), (0.9, 0.95)):
        for dx in (0.0, 0.25, -0.5):
            patch = ndimage.gaussian_filter(coverage("circle", 5.0, 8.5 + dx, 8.5, 17), blur)
            assert templates.match(patch, dx, 0.0)[0] == pytest.approx(expected, abs=0.012)
            assert templates.match(patch, dx, 0.0)[1] < 0.8
    assert templates.match(patch, 0.5, 0.0)[0] < 0.85  # placed a pixel off


def test_a_pale_smear_is_background(detector):
    grey, white = 134, np.array(PALETTE["white"])
    for share, n in ((0.3, 0), (0.9, 1)):
        colour = tuple(grey + share * (white - grey))
        assert len(detector.detect(render([thing("circle", colour, 16, 16)], 32, grey))) == n


def test_a_faint_halo_is_not_part_of_the_object():
    faint = tuple(134 + 0.35 * (np.array(PALETTE["black"]) - 134))
    square = thing("square", "black", 16, 16, 5)
    alone, haloed = [
        Detector(["square"], ["black"]).detect(render(scene, 32, 134))[0]["mask"].sum()
        for scene in ([square], [thing("circle", faint, 16, 16), square])
    ]
    assert abs(int(haloed) - int(alone)) <= 4  # corner pixels only; the halo has 50
