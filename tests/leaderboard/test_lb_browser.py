"""The site in a real browser: submit, watch, sort, filter, open, compare; both themes, a phone, and axe-core."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import lb_site
import pytest
from lb_site import Served

from leaderboard.site import build
from leaderboard.site.settings import ServedDataset, Settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"{CHROMIUM} is missing: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def server(nano: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A board with four entries."""
    with lb_site.served(nano, tmp_path_factory.mktemp("browser") / "board") as found:
        ids = lb_site.accounts(nano)
        groups = ["M", "M+L", "C", "-"]
        jobs = [
            found.put(
                lb_site.body(lb_site.predictions(ids, i)),
                found.tokens["blue"],
                name=f"entry {i}",
                field_groups=groups[i],
                code_url="https://example.org/code",
            )
            for i in range(4)
        ]
        for job in jobs:
            assert found.wait(job.json()["id"])["state"] == "finished"
        yield found


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """axe-core's source, from the npm registry."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is missing, which brings axe-core: apt-get install npm")
    folder = tmp_path_factory.mktemp("axe")
    environment = os.environ | {"npm_config_update_notifier": "false"}
    done = subprocess.run(
        [npm, "pack", "axe-core@4", "--silent"], cwd=folder, capture_output=True, env=environment, timeout=120
    )
    if done.returncode:
        pytest.skip(f"the npm registry has not brought axe-core: {done.stderr.decode()[-200:]}")
    with tarfile.open(next(folder.glob("axe-core-*.tgz"))) as archive:
        member = archive.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode()


@contextmanager
def looking(
    browser: Browser, address: str, theme: str = "light", width: int = 1200, scripts: bool = True
) -> Iterator[Page]:
    """A page that fails the test for an error in its console, or a request to another host."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if theme == "dark" else "light",
        java_script_enabled=scripts,
        bypass_csp=False,
    )
    page, wrong = context.new_page(), list[str]()
    page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: wrong.append(str(e)))
    page.on("request", lambda r: wrong.append(r.url) if not r.url.startswith((address, "data:")) else None)
    page.set_default_timeout(20_000)
    yield page
    context.close()
    assert wrong == []


def key(server: Served) -> str:
    import httpx

    return str(httpx.get(f"{server.address}/api/v1/boards").json()[0]["world"])


def names(page: Page) -> list[str]:
    return page.locator("#board tbody tr:visible th a").all_inner_texts()


def test_submit_and_watch(browser: Browser, server: Served, nano: Path, tmp_path: Path) -> None:
    file = tmp_path / "predictions.parquet"
    lb_site.predictions(lb_site.accounts(nano), 99).write_parquet(file)
    with looking(browser, server.address) as page:
        page.goto(server.address)
        page.get_by_role("link", name="Submit a detector").click()
        page.get_by_label("Name of the entry").fill("from a browser")
        page.get_by_label("metadata (M)").check()
        page.get_by_label("Predictions").set_input_files(file)
        page.get_by_label("Token of your team").fill(server.tokens["red"])
        page.get_by_role("button", name="Send").click()
        page.wait_for_url("**/submissions/**")
        page.get_by_role("link", name="See its scores").click()
        assert page.get_by_role("heading", level=1).inner_text() == "from a browser"
        assert "by red" in page.locator("main").inner_text()
        assert server.tokens["red"] not in page.content()


def test_a_refused_file_is_told(browser: Browser, server: Served, nano: Path, tmp_path: Path) -> None:
    file = tmp_path / "predictions.csv"
    file.write_bytes(lb_site.body(lb_site.predictions(lb_site.accounts(nano)[1:])))
    with looking(browser, server.address) as page:
        page.goto(f"{server.address}/submit/")
        page.get_by_label("Name of the entry").fill("faulty")
        page.get_by_label("Predictions").set_input_files(file)
        page.get_by_label("Token of your team").fill(server.tokens["red"])
        page.get_by_role("button", name="Send").click()
        page.wait_for_url("**/submissions/**")
        page.locator(".faults").wait_for()
        assert "1 accounts missing" in page.locator(".faults").inner_text()
        assert page.locator("[aria-current=step]").inner_text() == "failed"


def test_a_wrong_token_is_told(browser: Browser, server: Served, nano: Path, tmp_path: Path) -> None:
    file = tmp_path / "predictions.csv"
    file.write_bytes(lb_site.body(lb_site.predictions(lb_site.accounts(nano))))
    context = browser.new_context()  # the browser itself reports a 401 on its console
    page = context.new_page()
    page.goto(f"{server.address}/submit/")
    page.get_by_label("Name of the entry").fill("x")
    page.get_by_label("Predictions").set_input_files(file)
    page.get_by_label("Token of your team").fill("sb1_wrong")
    page.get_by_role("button", name="Send").click()
    page.get_by_text("Unauthorized").wait_for(timeout=20_000)
    context.close()


def test_sort_filter_open_compare(browser: Browser, server: Served) -> None:
    with looking(browser, server.address) as page:
        page.goto(f"{server.address}/boards/{key(server)}/accounts/")
        ranked = names(page)
        page.get_by_role("link", name="Entry", exact=True).click()
        assert names(page) == sorted(ranked)
        assert page.locator("th[aria-sort=ascending]").inner_text().startswith("Entry")
        page.get_by_role("link", name="Entry", exact=True).click()
        assert names(page) == sorted(ranked, reverse=True)
        page.get_by_label("links").check()
        page.get_by_label("metadata").check()
        page.get_by_role("button", name="Filter").click()
        assert {"entry 0", "entry 1", "entry 3"} <= set(names(page))
        assert "entry 2" not in names(page)
        page.get_by_label("Entry or team").fill("entry 1")
        page.get_by_label("Entry or team").press("Enter")
        assert names(page) == ["entry 1"]
        page.get_by_role("link", name="entry 1").click()
        assert page.get_by_role("img", name="Precision over recall, per tier").is_visible()
        assert page.get_by_role("heading", name="False positives per benign archetype").is_visible()
        page.goto(f"{server.address}/boards/{key(server)}/accounts/")
        page.get_by_label("Compare entry 0").check()
        page.get_by_label("Compare entry 2").check()
        page.get_by_role("button", name="Compare the two ticked").click()
        assert page.get_by_role("heading", level=1).inner_text() in ("entry 0 and entry 2", "entry 2 and entry 0")
        assert "paired difference" in page.locator(".verdict").inner_text()


def test_by_keyboard_alone(browser: Browser, server: Served) -> None:
    with looking(browser, server.address) as page:
        page.goto(f"{server.address}/boards/{key(server)}/accounts/")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to content"
        seen = []
        for _ in range(60):
            page.keyboard.press("Tab")
            seen.append(page.evaluate("document.activeElement.textContent.trim()"))
            if seen[-1] == "entry 1":
                break
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", seen[-1]
        page.keyboard.press("Enter")
        page.wait_for_url("**/entries/**")


def test_themes(browser: Browser, server: Served) -> None:
    def paper(page: Page) -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    with looking(browser, server.address, "light") as page:
        page.goto(server.address)
        light = paper(page)
        page.get_by_role("button", name="Switch between dark and light").click()
        dark = paper(page)
        assert light != dark
        page.goto(f"{server.address}/submit/")
        assert paper(page) == dark  # it is remembered
    with looking(browser, server.address, "dark") as page:
        page.goto(server.address)
        assert paper(page) == dark


def everywhere(page: Page, server: Served) -> Iterator[str]:
    """Every kind of page, opened."""
    board = f"{server.address}/boards/{key(server)}/accounts/"
    page.goto(board)
    ids = [str(page.locator("input[name=entry]").nth(i).get_attribute("value")) for i in range(2)]
    addresses = ["/", f"/boards/{key(server)}/accounts/", f"/entries/{ids[0]}/", "/submit/", "/api/"]
    addresses += [f"/compare/?entry={ids[0]}&entry={ids[1]}", f"/datasets/{key(server)}/"]
    for address in addresses:
        page.goto(server.address + address)
        yield address


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone(browser: Browser, server: Served, theme: str) -> None:
    with looking(browser, server.address, theme, 390) as page:
        for address in everywhere(page, server):
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide == 0, f"{address} is {wide} px wider than the screen"
            small = page.evaluate(
                "[...document.querySelectorAll('main *')].filter(e => e.children.length === 0 && !e.closest('svg')"
                " && e.textContent.trim() && parseFloat(getComputedStyle(e).fontSize) < 11).length"
            )
            assert small == 0, address


@pytest.mark.parametrize(("theme", "width"), [("light", 1200), ("dark", 1200), ("light", 390)])
def test_axe_finds_nothing(browser: Browser, server: Served, axe: str, theme: str, width: int) -> None:
    with looking(browser, server.address, theme, width) as page:
        for address in everywhere(page, server):
            page.evaluate(axe)
            found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(r => r.violations)")
            told = [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in found]
            assert told == [], f"{address}: {told}"


def test_without_scripts(browser: Browser, server: Served) -> None:
    with looking(browser, server.address, scripts=False) as page:
        page.goto(f"{server.address}/boards/{key(server)}/accounts/")
        page.get_by_role("link", name="Entry", exact=True).click()
        assert len(names(page)) >= 4
        assert names(page) == sorted(names(page))


def test_pages_as_files(browser: Browser, server: Served, nano: Path, tmp_path: Path) -> None:
    build.build(Settings(server.store, (ServedDataset.at(nano),)), tmp_path / "public")
    home = (tmp_path / "public" / "index.html").as_uri()
    with looking(browser, "file://") as page:
        page.goto(home)
        page.get_by_role("link", name="accounts", exact=True).click()
        ranked = names(page)
        page.get_by_role("button", name="Entry", exact=True).click()
        assert names(page) == sorted(ranked)
        page.get_by_role("button", name="AP", exact=True).click()
        assert names(page) == ranked
        page.get_by_label("metadata").check()
        assert "entry 2" not in names(page)
        assert "entry 0" in names(page)
        page.get_by_label("Entry or team").fill("entry 3")
        assert names(page) == ["entry 3"]
        page.get_by_role("link", name="entry 3").click()
        page.get_by_role("link", name="Compare").first.click()
        assert page.locator(".verdict").is_visible()
