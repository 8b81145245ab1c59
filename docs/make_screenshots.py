"""Take the pictures of the site in docs/images/: build it (`make docs`), then `python docs/make_screenshots.py`.

Needs Chromium (`make services`). Pages come from a server of this process, as readers have them. Every page of the site
is also opened at the width of a telephone and told if it scrolls sideways, lacks a file or speaks on the console.
"""

import argparse
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parent.parent
SHOTS = {  # name: (page, width and height in px, colour scheme)
    "site_light": ("first_table.html", (1280, 800), "light"),
    "site_dark": ("plugins.html", (1280, 800), "dark"),
    "site_small": ("index.html", (390, 844), "light"),
}
COLOURS = 256  # of a committed picture, which keeps it small
VERSIONS = "versions.json"  # only a site that mike has deployed has it


def main() -> int:
    """Take every picture and look at every page; print what is wrong; return 1 if anything is."""
    form = argparse.ArgumentParser(description=__doc__)
    form.add_argument("--site", type=Path, default=ROOT / "site")
    form.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    asked = form.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, served(asked.site) as address:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, (page, size, scheme) in SHOTS.items():
            take(browser, f"{address}/{page}", size, scheme, asked.out / f"{name}.png")
        pages = [path.relative_to(asked.site).as_posix() for path in sorted(asked.site.rglob("*.html"))]
        wrong = [f"{page}: {line}" for page in pages for line in troubles(browser, f"{address}/{page}")]
        browser.close()
    print("\n".join(wrong), end="\n" if wrong else "", file=sys.stderr)
    return int(bool(wrong))


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing of it."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine alone; give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def take(browser: Browser, url: str, size: tuple[int, int], scheme: str, path: Path) -> None:
    """Write the picture of a page."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(url)
    page.wait_for_timeout(500)
    page.screenshot(path=path)
    page.close()
    Image.open(path).convert("RGB").quantize(COLOURS).save(path, optimize=True)
    print(path)


def troubles(browser: Browser, url: str) -> list[str]:
    """List what a reader with a telephone would stumble over."""
    wrong: list[str] = []
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("response", lambda got: wrong.append(f"{got.status} {got.url}") if got.status >= 400 else None)
    page.goto(url)
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        wrong.append("scrolls sideways at 390 px")
    page.close()
    return [line for line in wrong if VERSIONS not in line]


if __name__ == "__main__":
    sys.exit(main())
