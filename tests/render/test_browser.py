"""The page in a real browser: nothing is requested, nothing runs, nothing overflows, and axe finds nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from readiness.render import render
from tests.render.cards import down_card, empty_card, hostile_card, sample_card, sound_card

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

CARDS = {
    "sample": sample_card,
    "sound": sound_card,
    "down": down_card,
    "empty": empty_card,
    "hostile": lambda: hostile_card("<img src=x onerror=alert(1)>\x1b[31m\u202e </script>" + "long" * 60),
}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as p:
        chromium = p.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"), args=FLAGS
        )
        yield chromium
        chromium.close()


@pytest.fixture(params=CARDS)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "scorecard.html"
    path.write_text(render("html", CARDS[request.param]()), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [1100, 390])
def test_the_page_asks_for_nothing_and_fits(browser: Browser, file: Path, width: int) -> None:
    with browser.new_page(viewport={"width": width, "height": 800}) as page:
        requests: list[str] = []
        messages: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto(file.as_uri())
        assert requests == [file.as_uri()]
        assert messages == []
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert page.evaluate("getComputedStyle(document.querySelector('.grade')).color") == "rgb(255, 255, 255)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("file", ["sample", "down", "hostile"], indirect=True)
def test_axe_finds_no_barrier(browser: Browser, file: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.base")
    # axe itself is a script, which the page's own policy rightly refuses.
    with browser.new_context(bypass_csp=True, color_scheme=scheme, viewport={"width": 390, "height": 800}) as context:
        page = context.new_page()
        page.goto(file.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        page.add_script_tag(path=str(Path(axe.__file__).parent / "axe.min.js"))
        found = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
        assert [(v["id"], [node["html"] for node in v["nodes"]]) for v in found["violations"]] == []
        assert len(found["passes"]) > 10


def test_everything_can_be_read_with_scripts_blocked(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "scorecard.html"
    path.write_text(render("html", sample_card()), encoding="utf-8")
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(path.as_uri())
        page.click("summary:has-text('Passed')")
        assert page.is_visible("text=5 of 5 services became ready")


def test_folded_checks_are_printed(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "scorecard.html"
    path.write_text(render("html", sample_card()), encoding="utf-8")
    with browser.new_page() as page:
        page.goto(path.as_uri())
        page.emulate_media(media="print")
        folded = "document.querySelector('#passed .rows').getBoundingClientRect().height"
        assert page.evaluate(folded) > 100
