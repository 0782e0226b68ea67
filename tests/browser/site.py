"""The site in a headless Chromium, from the disk and without a network: `make browser-test`, after `make docs`."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SITE = ROOT / "docs" / "_build" / "html"
SCREENSHOTS = ROOT / "docs" / "_build" / "screenshots"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = {"desktop": (1280, 1000), "phone": (390, 844)}

LOOKED_AT = {
    "start": "index.html",
    "part": "parts/activations/gelu.html",
    "gallery-entry": "gallery/plot_decision_regions.html",
    "gallery": "gallery/index.html",
    "backward": "backward.html",
    "reference": "api/nnkit.Network.html",
}
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html") if "_static" not in path.parts)


@pytest.fixture(scope="session")
def browser():
    chromium = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
    assert chromium, "no Chromium: apt install chromium, or name one with CHROMIUM=/path/to/chromium"
    from playwright.sync_api import sync_playwright  # make test collects this file, without this package

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def size():
    return "desktop"


@pytest.fixture
def page(browser, size):
    """A page whose problems are collected; every request that is not for a file of the site counts as one."""
    width, height = WIDTHS[size]
    context = browser.new_context(viewport={"width": width, "height": height}, offline=True)
    page = context.new_page()
    page.problems = []
    page.on("console", lambda message: message.type in {"error", "warning"} and page.problems.append(message.text))
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("requestfailed", lambda failed: page.problems.append(f"missing: {failed.url}"))
    page.on("request", lambda sent: sent.url.startswith(("file:", "data:", "blob:")) or page.problems.append(sent.url))
    yield page
    context.close()


def show(page, name):
    path, _, query = name.partition("?")
    page.goto((SITE / path).as_uri() + (f"?{query}" if query else ""))
    if page.evaluate("() => 'MathJax' in window"):
        page.wait_for_function("() => window.MathJax.startup && window.MathJax.startup.promise")
        page.evaluate("() => MathJax.startup.promise")


def faults(page):
    """What is wrong with the page that is shown, at the width of a desktop and of a phone."""
    text = page.evaluate("""() => {
        const copy = document.querySelector('article').cloneNode(true);
        copy.querySelectorAll('pre, code, mjx-container, script').forEach(node => node.remove());
        return copy.textContent;
    }""")
    found = [f"raw LaTeX: {raw}" for raw in re.findall(r"\\\(.*?\\\)|\\\[|\$[^$\n]*\\\w+[^$\n]*\$|\\frac|\\sum", text)]
    found += page.evaluate("""() => [...document.querySelectorAll('.math')]
        .filter(node => !node.querySelector('mjx-container'))
        .map(node => 'not rendered: ' + node.textContent)""")
    found += page.evaluate("""() => [...document.querySelectorAll('mjx-merror')].map(node => node.textContent)""")
    found += page.evaluate("""() => [...document.images]
        .filter(image => image.loading !== 'lazy' && !image.naturalWidth).map(image => 'no picture: ' + image.src)""")
    for name, (width, height) in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        found += [f"{name}: the page is {wide} pixels wider than the window"] if wide > 0 else []
    found += page.problems
    page.problems.clear()
    return found


def test_there_is_a_site():
    assert len(PAGES) > 250, "make docs builds it"


def test_every_page_renders_without_a_network(page):
    wrong = {}
    for name in PAGES:
        show(page, name)
        if found := faults(page):
            wrong[name] = found
    assert wrong == {}


def test_a_fault_is_seen(page, tmp_path):
    """The checks themselves, on a page with one fault of each kind."""
    bad = tmp_path / "bad.html"
    bad.write_text(
        r"<article><p>\(x\) and $\frac12$</p><span class='math'>\(y\)</span><img src='none.png'>"
        "<div style='width: 3000px'>wide</div><script src='none.js'></script><script>undefinedFunction()</script>"
        "<link rel='stylesheet' href='https://example.org/a.css'></article>"
    )
    page.goto(bad.as_uri())
    found = "\n".join(faults(page))
    for expected in ("raw LaTeX", "not rendered", "none.png", "none.js", "undefinedFunction", "example.org", "wider"):
        assert expected in found


@pytest.mark.parametrize(
    ("word", "target"),
    [
        ("early_stopping", "parts/callbacks/early_stopping.html"),
        ("leaky_relu", "parts/activations/leaky_relu.html"),
        ("LevenbergMarquardt", "parts/optimizers/levenberg_marquardt.html"),
        ("trainlm", "coming-from-trainlm.html"),
    ],
)
def test_search_finds(page, word, target):
    show(page, f"search.html?q={word}")
    page.wait_for_selector("#search-results li a")
    page.wait_for_function("() => !document.querySelector('#search-progress')?.textContent")
    links = page.eval_on_selector_all("#search-results li a", "links => links.map(link => link.href)")
    assert any(target in link for link in links), links
    assert page.problems == []


@pytest.mark.parametrize("size", WIDTHS)
def test_the_search_field_of_the_start_page_leads_to_results(page, size):
    show(page, "index.html")
    if size == "phone":
        page.click("label.nav-overlay-icon")
    page.fill("input.sidebar-search", "early_stopping")
    page.press("input.sidebar-search", "Enter")
    page.wait_for_selector("#search-results li a")


@pytest.mark.parametrize("size", WIDTHS)
@pytest.mark.parametrize("name", LOOKED_AT)
def test_screenshot(page, name, size):
    show(page, LOOKED_AT[name])
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}-{size}.png"
    page.screenshot(path=path)
    assert path.stat().st_size > 5000
    assert page.problems == []
