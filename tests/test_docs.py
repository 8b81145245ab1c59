"""The documentation names what exists: every plugin, command, sweep and file it speaks of."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def section(page: Path, title: str) -> str:
    """The text under the heading `## title`; empty without one."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page.read_text(), re.M | re.S)
    return found[1] if found else ""


def test_the_commands_that_the_pages_show_are_make_targets():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    shown = {verb for page in PAGES for verb in re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.M)}
    assert {"demo", "test"} <= shown
    assert shown <= targets, f"no such make target: {', '.join(sorted(shown - targets))}"


def test_make_help_lists_every_target():
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert phony
    assert [verb for verb in phony[1].split() if f"make {verb} " not in listed] == []


def test_the_front_doors_that_the_pages_show_exist():
    words = {word for page in PAGES for word in re.findall(r"python -m fpd_bench\.([\w.]*\w)", page.read_text())}
    shown = {word.replace(".", "/") for word in words}
    assert shown
    package = ROOT / "fpd_bench"
    assert [
        door
        for door in sorted(shown)
        if not ((package / f"{door}.py").is_file() or (package / door / "__main__.py").is_file())
    ] == []


def test_the_readme_opens_with_the_two_commands():
    assert re.match(r"# fpd-bench\n+```sh\nmake demo.*\nmake test.*\n```", (ROOT / "README.md").read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_named_files_exist(page):
    text = page.read_text()
    links = [target.split("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    named = re.findall(r"`((?:fpd_bench|tests|docs|sweeps|benchmarks|\.ci)/[\w./-]*)`", text)
    missing = [link for link in links if link and not (page.parent / link).exists()]
    missing += [name for name in named if not (ROOT / name).exists()]
    assert not missing


def test_every_page_has_its_place_in_the_sites_navigation():
    named = re.findall(r"^ +- ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M)
    there = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(named) == sorted(there)


def test_pictures_of_the_docs_are_small_and_shown():
    shown = "".join(page.read_text() for page in PAGES)
    for picture in (ROOT / "docs/images").iterdir():
        assert picture.stat().st_size < 200_000 and f"images/{picture.name})" in shown, picture.name


def test_every_sweep_is_listed_in_the_reference():
    text = section(ROOT / "docs/reference.md", "sweeps")
    missing = [path.name for path in sorted((ROOT / "sweeps").glob("*.yaml")) if f"| `{path.name}` |" not in text]
    assert not missing, f"docs/reference.md, section 'sweeps', lacks a row for: {', '.join(missing)}"


DECISIONS = sorted((ROOT / "docs/adr").glob("*.md"))


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_has_a_number_and_says_what_why_and_at_which_price(page):
    text = page.read_text()
    assert text.startswith(f"# {int(page.stem[:4])}. ")
    parts = re.findall(r"^(?:\*\*|#+ )(Decision|Why|Price)\b\.?", text, re.M)
    assert parts == ["Decision", "Why", "Price"]


def test_decisions_are_numbered_without_gaps():
    assert [int(page.stem[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_what_a_contributor_asks_first_is_answered():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for asked in ("one test", "make lock", "`room: verb object`", "minutes on two cores"):
        assert asked in text


def test_no_committed_page_cites_notes_that_are_not_here():
    listed = subprocess.run(["git", "grep", "-lE", "facts/[a-z]+[.]md"], cwd=ROOT, capture_output=True, text=True)
    assert listed.returncode in (1, 128) and not listed.stdout  # 128: a copy without git
