"""The HTML report in a real Chromium: silent, self-contained, accessible, readable at any width."""

from __future__ import annotations

import functools
import re
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe
from pages import PAGES, everything
from playwright.sync_api import Browser, sync_playwright

from repro_audit.report.html import render_html

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
PHONE, DESK = 390, 1280
HOSTILE = "</code></pre></p><script>document.title='acted'</script><img src=/x onerror=alert(1)>"


@functools.cache
def rendered(name: str) -> str:
    """Return the page of an audit."""
    return render_html(*PAGES[name]())


class Seen(NamedTuple):
    """A page that was opened, and what it did."""

    page: Any
    said: list[str]
    asked: list[str]


class Noting(SimpleHTTPRequestHandler):
    """Serves files, and notes what was asked for."""

    served: ClassVar[list[str]] = []

    def log_message(self, *_: object) -> None:
        """Note the path."""
        self.served.append(self.path)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """Serve a folder on loopback, where a browser would also ask for an icon."""
    folder = tmp_path_factory.mktemp("served")
    handler = functools.partial(Noting, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def open_page(browser: Browser, address: tuple[Path, str]) -> Iterator[Any]:
    """Return what opens a page, and notes what it says and asks for."""
    folder, url = address
    contexts = []

    def open_page(content: str, width: int = DESK, scheme: str = "light") -> Seen:
        (folder / "page.html").write_text(content, encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        contexts.append(context)
        page = context.new_page()
        seen = Seen(page, [], [])
        page.on("console", lambda message: seen.said.append(message.text))
        page.on("pageerror", lambda error: seen.said.append(str(error)))
        page.on("request", lambda request: seen.asked.append(request.url))
        page.goto(f"{url}/page.html")
        page.wait_for_load_state("networkidle")
        return seen

    yield open_page
    for context in contexts:
        context.close()


def violations(page: Any) -> list[str]:
    """Return which rules of axe-core a page breaks, all details open."""
    page.evaluate("document.querySelectorAll('details').forEach(item => item.open = true)")
    found = Axe().run(page).response["violations"]
    return [f"{item['id']}: {item['nodes'][0]['html']}" for item in found]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_nothing_on_the_console_and_asks_for_nothing(open_page: Any, name: str) -> None:
    """Not even for an icon."""
    seen = open_page(rendered(name))
    assert seen.said == []
    assert [url.rpartition("/")[2] for url in seen.asked] == ["page.html"]


def test_a_page_that_asks_for_something_is_seen(open_page: Any) -> None:
    """The negative: an image, a script that speaks, and the policy that keeps both away."""
    page = rendered("single")
    outside = "<img src='/outside.png'><script>console.log('spoke')</script></main>"
    lax = re.sub(r"<meta http-equiv=[^>]*>", "", page)
    seen = open_page(lax.replace("</main>", outside))
    assert any(url.endswith("outside.png") for url in seen.asked)
    assert "spoke" in seen.said
    assert "/outside.png" in Noting.served
    Noting.served.clear()
    strict = open_page(page.replace("</main>", outside))
    assert "spoke" not in strict.said
    assert Noting.served == ["/page.html"], "what was asked for never left the browser"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_violation(open_page: Any, name: str, scheme: str) -> None:
    """By every rule of axe-core, contrast among them."""
    seen = open_page(rendered(name), scheme=scheme)
    assert violations(seen.page) == []


def test_a_violation_is_found(open_page: Any) -> None:
    """The negative: grey on grey."""
    page = rendered("single")
    seen = open_page(page.replace("--soft: #57606a", "--soft: #d0d0d0"))
    assert any(item.startswith("color-contrast") for item in violations(seen.page))


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_its_window(open_page: Any, name: str, width: int) -> None:
    """Wide tables and charts scroll by themselves, the page does not."""
    seen = open_page(rendered(name), width)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_page_that_does_not_fit_is_seen(open_page: Any) -> None:
    """The negative: one wide word."""
    page = rendered("single").replace("</main>", f"<pre>{'x' * 999}</pre></main>")
    seen = open_page(page.replace("overflow-x: auto;", ""), PHONE)
    assert seen.page.evaluate("document.documentElement.scrollWidth") > PHONE


def test_foreign_markup_does_not_act(open_page: Any) -> None:
    """It stands on the page as text."""
    seen = open_page(render_html(*everything(HOSTILE)))
    assert seen.page.title() == "not decided: repro-audit"
    assert seen.page.locator("img, script").count() == 0
    assert HOSTILE in seen.page.inner_text("main")
    assert seen.said == []


def test_colours_follow_the_scheme(open_page: Any) -> None:
    """Text, paper and the lines of charts."""
    page = rendered("divergent")

    def colours(scheme: str) -> list[str]:
        seen = open_page(page, scheme=scheme)
        return [
            str(seen.page.evaluate(f"getComputedStyle(document.querySelector('{what}')).{style}"))
            for what, style in (
                ("body", "color"),
                ("body", "backgroundColor"),
                ("svg text", "fill"),
                ("svg use", "stroke"),
            )
        ]

    light, dark = colours("light"), colours("dark")
    assert all(first != second for first, second in zip(light, dark, strict=True))
    assert light[0] == light[2], "a chart's text has the colour of the page's"


def test_a_page_prints_on_paper(open_page: Any) -> None:
    """Some pages of A4, the verdict on the first and the digests on the last."""
    import pypdfium2

    seen = open_page(rendered("divergent"))
    printed = pypdfium2.PdfDocument(seen.page.pdf(format="A4"))
    assert 2 <= len(printed) <= 12
    pages = [page.get_textpage().get_text_range() for page in printed]
    assert "divergent" in pages[0]
    assert "Provenance and digests" in pages[-1] or "Provenance and digests" in pages[-2]
    digest = PAGES["divergent"]()[1][0].digest
    assert digest in "".join("".join(pages).split()), "what stands behind a summary is printed"
