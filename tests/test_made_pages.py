"""The pages that are made from the code say what the code says."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from fpd_bench.config.fields import leaves

ROOT = Path(__file__).parent.parent
spec = importlib.util.spec_from_file_location("make_pages", ROOT / "docs" / "make_pages.py")
make_pages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_pages)


@pytest.mark.parametrize("name", make_pages.PAGES)
def test_a_made_page_is_up_to_date(name):
    page = ROOT / "docs" / name
    assert page.read_text() == make_pages.PAGES[name](), f"Make {name} anew: python docs/make_pages.py"


def test_every_room_says_what_it_is_for_its_door_and_what_it_never_does():
    for init in (ROOT / "fpd_bench").rglob("*/__init__.py"):
        text = init.read_text()
        assert "Door: " in text and ("never" in text or "Never" in text), f"{init}: no door, or not what it never does"
        lines = ast.get_docstring(ast.parse(text)).splitlines()
        assert 3 <= len(lines) <= 7, f"{init}: three to six lines under its title"


def test_every_door_that_a_room_names_is_there():
    for init in (ROOT / "fpd_bench").rglob("*/__init__.py"):
        door = re.search(r"^Door: (.*?)$(?=\n[A-Z])", ast.get_docstring(ast.parse(init.read_text())), re.M | re.S)[1]
        for word in re.findall(r"`([a-z_]+(?:\.[A-Za-z_]+)+)`", door):
            *modules, name = word.split(".")
            path = init.parent.joinpath(*modules).with_suffix(".py")
            if path.is_file():
                assert re.search(rf"^(?:def|class) {name}\b|^{name}\b", path.read_text(), re.M), f"{init}: {word}"
            else:
                assert word.startswith("fpd_bench."), f"{init}: {word}"


def test_every_field_is_on_its_page():
    page = make_pages.fields()
    assert [name for name in leaves() if f"| `{name}` |" not in page] == []
