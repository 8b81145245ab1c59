"""Registries: names, versions, suggestions, plugins of other packages, and no torch before it is needed."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from fpd_bench import registry as house
from fpd_bench.errors import UnknownName
from fpd_bench.registry import Registry

REGISTRIES = [value for value in vars(house).values() if isinstance(value, Registry)]


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


def test_a_home_that_cannot_be_imported_says_so_every_time(tmp_path, monkeypatch):
    (tmp_path / "broken_home.py").write_text("raise OSError('no weights')\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry: Registry = Registry("fruit", "broken_home")
    for _ in range(2):
        with pytest.raises(OSError, match="no weights"):
            registry.get("pear")


def test_declared_plugins_are_named_without_importing_them():
    registry: Registry = Registry("fruit", "no_such_module", declared={"pear": 3})
    assert (registry.known(), registry.version("pear")) == (["pear"], 3)
    registry.check("pear")
    with pytest.raises(UnknownName, match="Unknown fruit 'pera' in here.yaml. Did you mean 'pear'"):
        registry.check("pera", "here.yaml")


def test_a_declared_version_that_the_plugin_denies_is_refused():
    registry: Registry = Registry("fruit", declared={"pear": 3})
    with pytest.raises(ValueError, match="'pear' registers as version 4, but .* declares version 3"):
        registry.register("pear", version=4)(dict)


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_what_is_declared_is_what_registers(registry):
    assert registry.known() == registry.names()


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
