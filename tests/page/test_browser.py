"""The pages in a real Chromium: with and without JavaScript, by keyboard, on a phone, in light and dark.

`CRDTSQL_SCREENSHOTS=docs/images` keeps what was seen as pictures.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from crdtsql import Replica
from tests.page.board import board
from tests.support.hub import now_ms, serving
from tests.support.peers import read, write

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")
SECONDS = 20


@contextmanager
def chromium(profile: Path, *, scripts: bool = True, width: int = 1100, dark: bool = False) -> Iterator[Chrome]:
    """Start a browser."""
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (
        "headless=new",
        "no-sandbox",
        "disable-dev-shm-usage",
        "no-proxy-server",
        f"window-size={width},900",
        f"user-data-dir={profile}",
    ):
        options.add_argument(f"--{argument}")
    if not scripts:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    browser = Chrome(options=options, service=ChromeService(str(DRIVER)))
    try:
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        yield browser
    finally:
        browser.quit()


def wait_for(browser: Chrome, by: str, what: str) -> WebElement:
    """Return something of the page that comes."""
    return WebDriverWait(browser, SECONDS).until(lambda seen: seen.find_element(by, what))


def enter(browser: Chrome, address: str, token: str) -> None:
    """Give the token as a person does."""
    browser.get(address)
    field = browser.find_element(By.ID, "token")
    assert browser.switch_to.active_element == field, "the form is where the keyboard is"
    field.send_keys(token, Keys.ENTER)
    wait_for(browser, By.TAG_NAME, "nav")


def keep(browser: Chrome, name: str) -> None:
    """Keep a picture where that is asked for."""
    folder = os.environ.get("CRDTSQL_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a board with a conflict, a held row and changes of others."""
    return board(tmp_path, "ours, <em>as it was</em>")


def test_a_person_settles_a_conflict_by_keyboard(path: Path, tmp_path: Path) -> None:
    """Tab and Enter are enough, and the page says what was done; what others write meanwhile is told."""
    with serving(path, rooms=True) as hub, chromium(tmp_path / "profile") as browser:
        address = f"{hub.address(path)}/page"
        enter(browser, address, hub.grant(path, "me"))
        keep(browser, "page-overview")
        browser.find_element(By.LINK_TEXT, "Conflicts").send_keys(Keys.ENTER)
        wait_for(browser, By.CLASS_NAME, "conflict")
        keep(browser, "page-conflicts")
        assert browser.find_element(By.TAG_NAME, "pre").text == "ours, <em>as it was</em>"
        for _ in range(30):
            browser.switch_to.active_element.send_keys(Keys.TAB)
            if browser.switch_to.active_element.text == "Take this":
                break
        browser.switch_to.active_element.send_keys(Keys.ENTER)
        assert (
            "counts" in wait_for(browser, By.CLASS_NAME, "done").text
            and "There are none" in browser.find_element(By.TAG_NAME, "main").text
        )
        news = browser.find_element(By.CLASS_NAME, "news")
        assert not news.is_displayed()
        with Replica.open(path, now=now_ms) as app:
            assert read(app, "SELECT title FROM task WHERE id = 't1'") == [("ours, <em>as it was</em>",)]
            write(app, "INSERT INTO task (id) VALUES ('t9')")
        WebDriverWait(browser, SECONDS).until(lambda _: news.is_displayed())
        complaints = [one["message"] for one in browser.get_log("browser") if one["level"] == "SEVERE"]  # type: ignore[no-untyped-call]
        assert all("401 (Unauthorized)" in one for one in complaints), complaints


def test_without_javascript_on_a_phone_in_the_dark(path: Path, tmp_path: Path) -> None:
    """Everything is there, nothing is cut off sideways, and the colours are those of the person's choice."""
    with (
        serving(path, rooms=True) as hub,
        chromium(tmp_path / "profile", scripts=False, width=390, dark=True) as browser,
    ):
        enter(browser, f"{hub.address(path)}/page", hub.grant(path, "me"))
        for name in ("Overview", "Held rows", "Changes", "Conflicts"):
            browser.find_element(By.LINK_TEXT, name).click()
            wait_for(browser, By.XPATH, f"//nav/a[@aria-current and text()='{name}']")
            size = browser.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
            assert size["width"] <= 390, f"{name} is {size['width']} wide"
            colour = browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
            assert colour.replace(" ", "") == "rgba(13,17,23,1)"
        keep(browser, "page-conflicts-phone")
        button = browser.find_elements(By.XPATH, "//button[text()='Take this']")[1]
        button.click()
        assert "theirs counts" in wait_for(browser, By.CLASS_NAME, "done").text
        browser.find_element(By.XPATH, "//button[text()='Leave']").click()
        wait_for(browser, By.ID, "token")
    with Replica.open(path, now=now_ms) as app:
        assert read(app, "SELECT title FROM task WHERE id = 't1'") == [("theirs",)]
        assert app.conflicts(open_only=True) == []
