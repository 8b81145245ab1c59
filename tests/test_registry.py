"""Registries: names, versions, suggestions, plugins of other packages, and no torch before it is needed."""

import importlib
import os
import subprocess
import sys
import textwrap
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from fpd_bench import registry as house
from fpd_bench.config.fields import leaves
from fpd_bench.declarations import Declaration
from fpd_bench.errors import PluginError, UnknownName
from fpd_bench.plugin_loading import Registry

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
    assert fruits.known() == ["apple", "pear"]


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


def test_each_plugin_is_imported_alone_and_at_its_first_use(tmp_path, monkeypatch):
    line = "from fruits_here import fruits\nfruits.register('{0}')('a {0}')\n"
    (tmp_path / "fruits_here.py").write_text(
        "from fpd_bench.declarations import Declaration\nfrom fpd_bench.plugin_loading import Registry\n"
        "fruits = Registry('fruit', {'pear': Declaration('pears'), 'plum': Declaration('plums')})\n"
    )
    (tmp_path / "pears.py").write_text(line.format("pear"))
    (tmp_path / "plums.py").write_text("raise OSError('no\\nweights')\n")
    monkeypatch.syspath_prepend(tmp_path)
    fruits = importlib.import_module("fruits_here").fruits
    assert fruits.known() == ["pear", "plum"] and "pears" not in sys.modules
    assert fruits.get("pear") == "a pear" and "plums" not in sys.modules
    for _ in range(2):
        with pytest.raises(PluginError, match="fruit 'plum' cannot be imported: OSError: no weights. ") as told:
            fruits.get("plum")
    assert told.value.exit_code == 2
    for name in ("fruits_here", "pears"):
        del sys.modules[name]


def test_declared_plugins_are_named_without_importing_them():
    registry: Registry = Registry("fruit", {"pear": Declaration("no_such_module", version=3)})
    assert (registry.known(), registry.version("pear")) == (["pear"], 3)
    registry.check("pear")
    with pytest.raises(UnknownName, match="Unknown fruit 'pera' in here.yaml. Did you mean 'pear'"):
        registry.check("pera", "here.yaml")


def test_a_plugin_declares_itself_in_one_place():
    registry: Registry = Registry("fruit", {"pear": Declaration("pears", version=3)})
    with pytest.raises(ValueError, match="'pear' is declared in .*: declare it there only"):
        registry.register("pear", version=4)(dict)


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_what_is_declared_registers(registry):
    for name in registry.in_this_tree:
        if registry.declaration(name).module:
            assert registry.get(name)
        for pattern in registry.declaration(name).reads:
            assert any(fnmatchcase(leaf, pattern) for leaf in leaves()), f"{name} reads '{pattern}', which is no field"


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
        print(estimators.known(), estimators.version("berry"), estimators.package("berry"), "torch" in sys.modules)
    """)
    assert run_python(code).strip() == "['berry', 'soft', 'ste'] 7 berries False"


def test_a_broken_package_is_one_line_for_those_who_ask_and_nothing_for_others(tmp_path):
    """Its plugin fails at import; a sweep that does not ask for it is planned, one that does is refused."""
    (tmp_path / "broken.py").write_text("import no_such_library\n")
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    kinds = ("estimators", "methods", "tracks", "spaces", "drafts", "generators")
    (info / "entry_points.txt").write_text("".join(f"[fpd_bench.{kind}]\nbad = broken\n" for kind in kinds))
    (tmp_path / "fine.yaml").write_text("tables: [{id: a, grid: ['estimator=soft,ste']}]\n")
    sweep = [sys.executable, "-m", "fpd_bench.sweep", "fine.yaml", "--dry-run"]
    root = str(Path(__file__).parent.parent)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), root])}
    for extra, code in (([], 0), (["estimator=bad"], 2), (["method=bad"], 2), (["track.name=bad"], 2)):
        done = subprocess.run(
            [*sweep, *extra], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, (extra, done.stderr)
        if code:
            assert "'bad' of package 'broken' cannot be imported: ModuleNotFoundError: No module" in done.stderr
            assert "Traceback" not in done.stderr


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
