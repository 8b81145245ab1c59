"""A report in a real Chromium, off the disk: sorted, filtered, opened, printed, dark, small, accessible."""

import json
import re
import shutil
import subprocess
from urllib.parse import unquote, urlparse

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from fpd_bench import report
from fpd_bench.config.sweeps.spec import load_sweep
from tests.reporting.test_any_label import LABELS
from tests.store.synthetic_runs import finish, write_run

pytestmark = pytest.mark.slow
HOSTILE = [*LABELS, "<script>window.hurt = 1</script>", "<img src=x onerror='window.hurt = 1'>"]


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """A report of two tables: rows that fail with boxes, a run that ran out of memory; and rows of hostile labels."""
    folder = tmp_path_factory.mktemp("page")
    rates = [round(1e-5 * (n + 1), 6) for n in range(len(HOSTILE))]
    good = {"id": "a", "caption": "Routing", "grid": ["estimator=soft,ste"], "baseline": "soft"}
    good["rows"] = [
        {"id": one, "label": one.upper(), "where": {"estimator": one}, "published": 0.4} for one in ("soft", "ste")
    ]
    good["claims"] = [{"better": "ste", "worse": "soft"}]
    bad = {"id": "b", "caption": HOSTILE[-2], "grid": [f"optim.lr={','.join(map(str, rates))}"]}
    bad["rows"] = [
        {"id": f"r{n}", "label": label, "where": {"optim.lr": rate}}
        for n, (label, rate) in enumerate(zip(HOSTILE, rates, strict=True))
    ]
    sweep = {"name": "page", "title": HOSTILE[-1], "seeds": [0, 1], "tables": [good, bad]}
    (folder / "page.yaml").write_text(json.dumps(sweep, ensure_ascii=False))
    for cell in load_sweep(folder / "page.yaml").cells:
        broken = cell.row_id == "r0" and cell.seed == 1
        skill = {"soft": 0.2, "ste": 0.8}.get(cell.row_id, 0.5)
        end = "failed" if broken else "done"
        run = write_run(
            folder / "results", cell.run_id, cell.config, skill=skill, end=end, per_task=3, size=16, steps=9
        )
        if cell.row_id == "soft":
            path = run / "eval/test.jsonl"
            box = '"reason": "expected another colour", "objects": {"<b>cup": [[2, 3, 9, 12, 0.9]]}'
            path.write_text(path.read_text().replace('"reason": "expected another colour"', box))
            finish(run)
    arguments = [str(folder / "page.yaml"), "--results", str(folder / "results"), "--out", str(folder / "out")]
    assert report.main(arguments) == 0
    return folder / "out"


@pytest.fixture(scope="module")
def browser():
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("chromium is missing: make services installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(out, browser):
    """Open a page of the report; afterwards nothing may have been said on the console, nor asked of the network."""
    said, asked, contexts = [], [], []

    def visit(name="index.html", **how):
        contexts.append(browser.new_context(**how))
        page = contexts[-1].new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"file://{out}/{name}")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not said
    assert {urlparse(url).scheme for url in asked} <= {"file", "data"}


def column(page, number):
    return page.locator(f"#page-a table >> nth=0 >> tbody tr > :nth-child({number})").all_inner_texts()


def test_a_column_sorts_both_ways_by_mouse_and_keyboard(visit):
    page = visit()
    button = page.locator("#page-a thead button", has_text="Overall").first
    button.click()
    first = column(page, 2)
    assert first == sorted(first)
    button.focus()
    page.keyboard.press("Enter")
    assert column(page, 2) == first[::-1]
    assert page.locator("#page-a th[aria-sort=descending]").count() == 1


def test_the_filter_leaves_what_was_asked_for(visit):
    page = visit()
    page.fill("#filter", "smile")
    shown = page.locator("main > section:not(#overview) tbody tr:visible").all_inner_texts()
    assert shown and all("smile" in text for text in shown) and page.locator("#page-a").is_hidden()
    page.fill("#filter", "")
    assert page.locator("#page-a").is_visible()


def test_a_cell_opens_its_runs_with_settings_provenance_and_boxed_failures(visit):
    page = visit()
    page.locator("#page-a table >> nth=0 >> tbody tr", has_text="SOFT").locator("td a").first.click()
    assert page.locator("h1").inner_text() == "SOFT"
    assert page.locator("#failures figure.picture rect.box").count() == 16  # 8 prompts, 2 seeds
    assert "expected another colour" in page.locator("#failures figure.picture").first.inner_text()
    assert "found: <b>cup" in page.locator("#failures figure.picture").first.inner_text()
    assert page.locator("#training polyline[points]").count() >= 6
    assert "estimator" in page.locator("#settings").inner_text()
    page.locator("summary", has_text="Attempt 1").first.click()
    assert page.locator("tr", has_text="git.sha").first.is_visible()
    page.locator("header a").click()
    assert page.url.endswith("index.html#page-a")


def test_a_failed_run_says_why(visit):
    page = visit("rows/page-b-1.html")
    page.locator("summary", has_text="failed").click()
    assert page.get_by_text("out_of_memory tried 3 GiB").is_visible()


def test_print_on_a4_loses_no_column(visit, out, tmp_path):
    page = visit()
    page.emulate_media(media="print")
    page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    page.emulate_media(media="screen")
    text = subprocess.run(["pdftotext", "-raw", tmp_path / "page.pdf", "-"], capture_output=True, check=True).stdout
    printed = re.sub(r"\s", "", text.decode())
    headings = page.locator("thead th").all_inner_texts()
    assert len(headings) > 30
    assert [one for one in headings if re.sub(r"\s", "", one) not in printed] == []
    width = float(re.search(rb"Page size: +([\d.]+)", subprocess.run(
        ["pdfinfo", tmp_path / "page.pdf"], capture_output=True, check=True).stdout)[1])  # fmt: skip
    boxes = subprocess.run(["pdftotext", "-bbox", tmp_path / "page.pdf", "-"], capture_output=True, check=True).stdout
    assert max(float(x) for x in re.findall(rb'xMax="([\d.]+)"', boxes)) <= width


@pytest.mark.parametrize("name", ["index.html", "rows/page-a-1.html", "rows/page-b-12.html"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_table_leaves_its_place(visit, name, width):
    page = visit(name, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    outside = "t => t.closest('.wide').getBoundingClientRect().right - innerWidth"
    assert all(page.locator("table").nth(n).evaluate(outside) <= 0 for n in range(page.locator("table").count()))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index.html", "rows/page-a-1.html", "rows/page-b-1.html"])
def test_axe_finds_nothing_serious_in_light_and_dark(visit, name, scheme):
    page = visit(name, color_scheme=scheme)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 150) == (scheme == "dark")
    found = Axe().run(page).response["violations"]
    assert [
        (one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in ("serious", "critical")
    ] == []


def test_every_link_resolves_and_no_label_is_code(visit, out):
    for path in [out / "index.html", *sorted((out / "rows").glob("*.html"))]:
        page = visit(str(path.relative_to(out)))
        links = (
            "all => all.map(one => new URL(one.getAttribute('href') ?? one.getAttribute('src'), document.baseURI).href)"
        )
        for url in page.eval_on_selector_all("[href], [src]", links):
            if url.startswith("data:"):
                continue
            target = urlparse(url)
            file = unquote(target.path)
            assert target.scheme == "file"
            with open(file, encoding="utf-8", errors="replace") as text:
                assert not target.fragment or f'id="{target.fragment}"' in text.read() or target.fragment == "content"
        assert page.evaluate("window.hurt") is None
        page.context.close()
    labels = (
        visit()
        .locator("#page-b table >> nth=0 >> tbody tr > :first-child")
        .evaluate_all("all => all.map(c => c.textContent)")
    )
    assert labels == HOSTILE
