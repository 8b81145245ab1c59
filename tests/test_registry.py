"""Registries: names, versions, suggestions, plugins of other packages, and no torch before it is needed."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from fpd_bench.errors import UnknownName
from fpd_bench.registry import Registry


@pytest.fixture
def fruits() -> Registry:
    registry: Registry = Registry("fruit")
    registry.register("pear", version=3)(dict)
    registry.register("apple")(list)
    return registry


def test_a_registered_plugin_is_found_with_its_version(fruits):
    assert fruits.get("pear") is dict
    assert (fruits.version("pear"), fruits.version("apple")) == (3, 1)
    assert fruits.names() == ["apple", "pear"]


def test_register_gives_back_what_it_decorates(fruits):
    @fruits.register("plum")
    class Plum:
        pass

    assert fruits.get("plum") is Plum


def test_a_name_registers_once(fruits):
    with pytest.raises(ValueError, match="fruit 'pear' is registered twice"):
        fruits.register("pear")(set)
    assert fruits.get("pear") is dict


@pytest.mark.parametrize("ask", [Registry.get, Registry.version])
def test_an_unknown_name_is_answered_with_the_list(fruits, ask):
    with pytest.raises(UnknownName, match="Unknown fruit 'aple'. Did you mean 'apple'\\? Available: apple, pear."):
        ask(fruits, "aple")


def test_homes_are_imported_at_the_first_lookup_and_only_then(tmp_path, monkeypatch):
    (tmp_path / "fruit_home.py").write_text("LOADED = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry: Registry = Registry("fruit", "fruit_home")
    assert "fruit_home" not in sys.modules
    registry.names()
    assert sys.modules.pop("fruit_home").LOADED


def test_another_package_adds_a_plugin_by_an_entry_point(tmp_path):
    """A real installed distribution, seen by a fresh interpreter: no file of ours changes."""
    (tmp_path / "berries.py").write_text(
        textwrap.dedent("""
            from fpd_bench.registry import estimators
            estimators.register("berry", version=7)(object)
        """)
    )
    info = tmp_path / "berries-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: berries\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[fpd_bench.estimators]\nberry = berries\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n" + textwrap.dedent("""
        from fpd_bench.registry import estimators
        estimators._homes = ()  # leave torch out of it
        print(estimators.names(), estimators.version("berry"))
    """)
    assert run_python(code).strip() == "['berry'] 7"


def test_the_torch_free_rooms_import_without_torch():
    code = textwrap.dedent("""
        import importlib, pkgutil, sys
        import fpd_bench.config, fpd_bench.registry, fpd_bench.reporting, fpd_bench.store
        for room in (fpd_bench.config, fpd_bench.reporting, fpd_bench.store):
            for module in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
                importlib.import_module(module.name)
        import fpd_bench.evals.statistics
        print(sorted({"torch", "torchvision", "timm"} & set(sys.modules)))
    """)
    assert run_python(code).strip() == "[]"


def run_python(code: str) -> str:
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
