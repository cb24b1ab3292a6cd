"""What a person looks at, in a real browser: reports, MLflow's page and JupyterLab of a generated project."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from installed_projects import MAIN, Installed, Project, grouped
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
QUIET += ["--disable-sync", "--no-first-run"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not CHROMIUM and not os.environ.get("CI"), reason="no Chromium on this machine: apt-get install chromium"
    ),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test when it asks for anything that is not on this machine."""
    opened = browser.new_page(viewport={"width": 1200, "height": 900})
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    yield opened
    opened.close()
    elsewhere = [url for url in asked if not re.match(r"(file|data|blob|about):|https?://127\.0\.0\.1[:/]|ws", url)]
    assert elsewhere == []


@contextmanager
def served(project: Project, command: str, *words: str, ready: str) -> Iterator[str]:
    """The address of a server of the project, on a free port that replaces PORT in its words, while the block runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    given = [word.replace("PORT", port) for word in words]
    with subprocess.Popen(
        [*project.line(command), *given],
        cwd=project.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(project.folder)},
        start_new_session=True,
    ) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}{ready}")
            yield f"http://127.0.0.1:{port}"
        finally:
            # Servers of notebooks ask before they stop; nothing of theirs is to be kept here.
            os.killpg(process.pid, signal.SIGKILL)


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            with urlopen(url):  # noqa: S310 - an address of this machine
                return
        except (URLError, ConnectionError):
            time.sleep(0.3)
    pytest.fail(f"{url} does not answer")


@grouped(MAIN[0])
def test_the_page_of_a_run_shows_its_lessons_and_figures(
    configuration: str, version: str, installed: Installed, page: Page
) -> None:
    project = installed(configuration, version)
    project.run("roadworthy", "run", "00", "01")
    newest = (project.folder / "runs" / "latest").read_text().strip()
    page.goto((project.folder / "runs" / newest / "index.html").as_uri())
    text = page.inner_text("body")
    assert "2 of 2 lessons" in text
    assert "336776" in text.replace(",", "")
    assert page.locator("a", has_text="01_data_checks").count() >= 1


@grouped(MAIN[0])
def test_the_page_of_a_data_check_names_the_quarantined_row(
    configuration: str, version: str, installed: Installed, page: Page
) -> None:
    project = installed(configuration, version)
    project.run("roadworthy", "check")
    page.goto((project.folder / "reports" / "data" / "2013" / "index.html").as_uri())
    assert "wind_speed: 1048.36058 not in 0 to 120" in page.inner_text("body")
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1"), "it fits a phone"


@grouped(MAIN[0])
def test_mlflow_shows_the_tracked_training(configuration: str, version: str, installed: Installed, page: Page) -> None:
    project = installed(configuration, version)
    project.run("roadworthy", "train")
    with served(project, "roadworthy", "tracking", "--port", "PORT", ready="/health") as address:
        page.goto(f"{address}/#/experiments/1/runs")
        page.get_by_text("train version").first.wait_for(timeout=60_000)


@grouped(MAIN[0])
def test_jupyterlab_opens_a_lesson_with_its_pictures(
    configuration: str, version: str, installed: Installed, page: Page
) -> None:
    project = installed(configuration, version)
    words = ["--no-browser", "--ip=127.0.0.1", "--port=PORT", "--IdentityProvider.token="]
    words += ["--allow-root", "--LabApp.news_url=None"]
    with served(project, "jupyterlab", *words, ready="/api") as address:
        page.goto(f"{address}/lab/tree/notebooks/00_start_here.ipynb")
        page.get_by_role("heading", name="Start here").wait_for(timeout=60_000)
        page.locator(".jp-RenderedImage img").first.wait_for(timeout=60_000)
