"""A real browser and real servers for the tests of dashboard and slides; skipped where none is.

Needs `pip install playwright` and a Chromium: a system one, or `playwright install chromium`.
Screenshots go to $LSTM_KERNELS_ARTIFACTS, else to pytest's temporary folder.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage"]
OPEN_TO_ALL = ["--IdentityProvider.token=", "--ip=127.0.0.1", "--allow-root"]


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium."""
    why = "no browser test: pip install playwright, and install Chromium"
    playwright = pytest.importorskip("playwright.sync_api", reason=why)
    path = next(filter(None, map(shutil.which, NAMES)), None)
    with playwright.sync_playwright() as driver:
        if path is None and not Path(driver.chromium.executable_path).exists():
            pytest.skip(why)
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, shoot):
    """An empty page; how it looked at the end is kept as a screenshot, too."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000}, accept_downloads=True)
    page.set_default_timeout(240_000)  # a guard against a hang, on a busy machine too
    yield page
    shoot(page, "last")
    page.close()


@pytest.fixture
def course(tmp_path):
    """A copy of what is served: the servers may save the notebook, the dashboard a CSV file."""
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "09_race.ipynb", tmp_path / "notebooks")
    shutil.copy(ROOT / "voila.json", tmp_path)
    return tmp_path


@pytest.fixture
def shoot(tmp_path):
    """shoot(page, name): save a screenshot for a person to look at."""
    folder = Path(os.environ.get("LSTM_KERNELS_ARTIFACTS") or tmp_path / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)

    def shoot(page, name):
        page.screenshot(path=folder / f"{name}.png")

    return shoot


@pytest.fixture
def lab_settings(tmp_path):
    """All cells on the page at once, no news, no tabs of another run."""
    folder = tmp_path / "settings" / "@jupyterlab" / "notebook-extension"
    folder.mkdir(parents=True)
    (folder / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')
    news = tmp_path / "settings" / "@jupyterlab" / "apputils-extension"
    news.mkdir(parents=True)
    wishes = '{"fetchNews": "false", "checkForUpdates": false}'
    (news / "notification.jupyterlab-settings").write_text(wishes)
    return {
        "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"),
    }


@contextmanager
def serve(module, arguments, folder, settings=()):
    """Start `python -m module arguments` in a folder; yields its address once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **dict(settings)}
    command = [sys.executable, "-m", module, f"--port={port}", "--no-browser", *arguments]
    address = f"http://127.0.0.1:{port}"
    with open(folder / f"{module}.log", "w+", encoding="utf-8") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            _wait_for(address, server, log)
            yield address
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()


def _wait_for(address, server, log):
    """Until the server listens; its log is the error if it does not."""
    end = time.monotonic() + 60
    while time.monotonic() < end and server.poll() is None:
        try:
            with socket.create_connection(address.removeprefix("http://").split(":"), 1):
                return
        except OSError:
            time.sleep(0.1)
    log.seek(0)
    raise RuntimeError(f"{address} does not answer:\n{log.read()[-2000:]}")


def needs(module, words):
    """Skip unless a server's package is installed."""
    pytest.importorskip(module, reason=f"no browser test: {words}")
