"""Which files of a folder count: none is left out, and none counted twice, without a word."""

import os

import pytest

from fpd_bench.errors import AssetError
from fpd_bench.files.folders import BESIDE, IMAGES, OTHER_IMAGES, PACKED, files_below
from tests.files.made import PICTURE, encoded


@pytest.fixture
def root(tmp_path):
    for name in ("a.png", "b.PNG", "more/c.jpg", "more/deep/d.webp", "elsewhere/e.png"):
        path = tmp_path / ("root" if not name.startswith("else") else "") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(PICTURE))
    return tmp_path / "root"


def found(root, **options):
    return [path.relative_to(root).as_posix() for path in files_below(root, IMAGES, **options)]


def test_all_images_in_all_folders_and_behind_links(root):
    whole = ["a.png", "b.PNG", "more/c.jpg", "more/deep/d.webp"]
    assert found(root) == whole
    (root / "linked").symlink_to(root.parent / "elsewhere")
    (root / "z.png").symlink_to(root.parent / "elsewhere/e.png")
    assert found(root) == sorted([*whole, "linked/e.png", "z.png"])
    assert found(root, deep=False) == ["a.png", "b.PNG", "z.png"]


def test_hidden_names_and_companions_do_not_count(root):
    before = found(root)
    for name in (
        ".ipynb_checkpoints/a-checkpoint.png",
        "more/._c.jpg",
        ".x.gif",
        "README",
        "Makefile.in",
        ".git/h.png",
    ):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(encoded(PICTURE) if "png" in name else b"words")
    for suffix in BESIDE:
        (root / f"n{suffix}").write_text("words")
    os.mkfifo(root / "pipe")
    assert found(root) == before


@pytest.mark.parametrize("name", [f"x{suffix}" for suffix in (*OTHER_IMAGES, *PACKED, ".GIF", ".Npz")])
def test_files_that_may_hold_images_are_not_left_out(root, name):
    (root / "more" / name).write_bytes(b"whatever")
    with pytest.raises(AssetError, match=rf"{name}' may hold images, but only \.png"):
        found(root)


@pytest.mark.parametrize("name", ["noname", "x.png.part", "y.tmp", "00001.png~"])
def test_images_under_other_names_are_not_left_out(root, name):
    (root / name).write_bytes(encoded(PICTURE))
    with pytest.raises(AssetError, match=f"{name}' may hold images"):
        found(root)


def break_folder(root, how):
    return {
        "a folder named like an image": lambda: (root / "x.png").mkdir(),
        "a pipe named like an image": lambda: os.mkfifo(root / "x.png"),
        "a link to nothing": lambda: (root / "x.png").symlink_to(root / "gone.png"),
        "a folder's link to nothing": lambda: (root / "x").symlink_to(root / "gone"),
        "a link in a circle": lambda: (root / "x").symlink_to(root),
        "a link up": lambda: (root / "more/x").symlink_to(root / "more"),
        "a folder that is met twice": lambda: (root / "x").symlink_to(root / "more/deep"),
        "a link to itself": lambda: (root / "x").symlink_to(root / "x"),
    }[how]()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("a folder named like an image", "is a folder named like a file"),
        ("a pipe named like an image", "is neither a file nor a folder"),
        ("a link to nothing", "is a link to a file that does not exist"),
        ("a folder's link to nothing", "is a link to a file that does not exist"),
        ("a link in a circle", "would count twice"),
        ("a link up", "would count twice"),
        ("a folder that is met twice", "would count twice"),
        ("a link to itself", "cannot be read"),
    ],
)
def test_a_folder_in_doubt_is_refused_in_one_line(root, how, said):
    break_folder(root, how)
    with pytest.raises(AssetError) as caught:
        found(root)
    assert said in str(caught.value) and "x" in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_entered_is_named(root):
    if os.geteuid() == 0:
        pytest.skip("root enters every folder")
    (root / "more").chmod(0)
    with pytest.raises(AssetError, match="more' cannot be read"):
        found(root)
