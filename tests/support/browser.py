"""JupyterLab in a headless Chromium, for the tests in a browser and the README's pictures."""

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat

from cefr_helpers.core.paths import project_root

PROGRAMS = ("chromium", "chromedriver")
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1280,1000",
)
_NO_NAMES = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"  # no page comes from anywhere else
_IDLE = ("#jp-main-statusbar", "| Idle")  # as the kernel itself says
_CELLS = """
return [...document.querySelectorAll('.jp-Notebook .jp-CodeCell')].map(cell => ({
    prompt: cell.querySelector('.jp-InputArea-prompt').textContent,
    text: cell.querySelector('.jp-OutputArea').textContent,
    images: [...cell.querySelectorAll('.jp-OutputArea img')].map(image => image.naturalWidth),
    errors: cell.querySelectorAll("[data-mime-type$='.error'], [data-mime-type$='.stderr']").length,
}))
"""


def missing() -> str | None:
    """Return what the machine lacks for this, and how to install it; None if nothing is missing."""
    lacks = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"{', '.join(lacks)} not found: apt-get install chromium chromium-driver" if lacks else None


@contextmanager
def chromium(profile: Path):
    """A headless Chromium with an empty profile of its own; it keeps the errors that pages log."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for option in (*_OPTIONS, _NO_NAMES, f"--user-data-dir={profile}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def leave(driver) -> None:
    """Leave the page and clear the logged errors, because all tests share one browser."""
    driver.get("about:blank")
    driver.get_log("browser")


@contextmanager
def lab(folder: Path, parameters: dict[str, dict]):
    """JupyterLab as `make lab` starts it, on a copy of the notebooks whose parameters are set.

    Args:
        folder: the folder for the copy and for all files of JupyterLab.
        parameters: a notebook's name -> the parameters to set in it.

    Yields:
        Its address, and the token that opens it.
    """
    shutil.copytree(project_root() / "notebooks", folder / "notebooks")
    for name, values in parameters.items():
        _set_parameters(folder / "notebooks" / f"{name}.ipynb", values)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    own = f"--no-browser --port={port} --IdentityProvider.token={token} --ServerApp.root_dir='{folder}'"
    here = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    here |= {"IPYTHONDIR": str(folder / "ipython"), "PYTHONPATH": str(project_root()), "JUPYTER_PLATFORM_DIRS": "1"}
    with open(folder / "lab.log", "wb") as log:
        server = subprocess.Popen(
            ["bash", "-c", f"exec env {_make_lab()} {own}"],
            env=os.environ | here,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: _answers(f"{url}/api/status?token={token}"), 120, f"JupyterLab to start, see {folder}/lab.log")
        yield url, token
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:  # kernels see that it is gone, and end
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _make_lab() -> str:
    """The command of `make lab`, with this Python's JupyterLab."""
    done = subprocess.run(["make", "--dry-run", "lab"], cwd=project_root(), capture_output=True, text=True, check=True)
    [line] = [line for line in done.stdout.replace("\\\n", " ").splitlines() if "bin/jupyter lab" in line]
    return line.replace(".venv/bin/jupyter", f"'{sys.executable}' -m jupyter")


def _set_parameters(path: Path, parameters: dict) -> None:
    """Set them as a person would, in the parameters cell."""
    notebook = nbformat.read(path, as_version=4)
    [cell] = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    for name, value in parameters.items():
        cell.source = re.sub(rf"(?m)^{name} = .*?(?=  #)", lambda _, to=f"{name} = {value!r}": to, cell.source)
    nbformat.write(notebook, path)


def _answers(url: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def wait_for(condition, seconds: float, what: str):
    """Return the value of `condition` as soon as it is true.

    Raises:
        AssertionError: it was not true in time.
    """
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.2)
    return found


@dataclass
class Window:
    """The actions of a person in JupyterLab.

    Attributes:
        pictures: the folder for screenshots.
    """

    driver: object
    url: str
    token: str
    pictures: Path

    def open(self, path: str = "") -> None:
        """Open a notebook in an empty JupyterLab; without a name, the page that JupyterLab opens by itself."""
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        leave(self.driver)
        place = f"lab/tree/notebooks/{path}?reset&" if path else "?"
        self.driver.get(f"{self.url}/{place}token={self.token}")

    def all(self, css: str, text: str = "") -> list:
        """Return the elements that are shown and contain the text; none while the page redraws them."""
        from selenium.common.exceptions import StaleElementReferenceException

        found = self.driver.find_elements("css selector", css)
        try:
            return [one for one in found if one.is_displayed() and text in one.text]
        except StaleElementReferenceException:
            return []

    def one(self, css: str, text: str = "", seconds: float = 60):
        """Return the first such element as soon as it is shown."""
        return self.until(lambda: self.all(css, text), f"{css} {text!r}", seconds)[0]

    def click(self, css: str, text: str = "") -> None:
        def clicked() -> bool:
            from selenium.common.exceptions import WebDriverException

            try:
                self.one(css, text).click()
            except WebDriverException:  # redrawn, or covered for a moment
                return False
            return True

        self.until(clicked, f"a click on {css} {text!r}")

    def until(self, condition, what: str, seconds: float = 60):
        try:
            return wait_for(condition, seconds, what)
        except AssertionError:
            self.picture("failed")
            raise

    def cells(self) -> list[dict]:
        """Return prompt, text, widths of images and number of errors in the output of each code cell."""
        return self.driver.execute_script(_CELLS)

    def run_all(self, name: str, seconds: float = 240) -> list[dict]:
        """Open a notebook, choose *Run → Run All Cells*, and return the code cells when all have run."""
        self.open(name)
        notebook = nbformat.read(project_root() / "notebooks" / name, as_version=4)
        count = sum(cell.cell_type == "code" for cell in notebook.cells)
        self.until(lambda: len(self.cells()) == count, f"{count} cells")
        self._click_run_all()

        def done() -> list[dict]:
            found = self.cells()
            if {cell["prompt"] for cell in found} == {"[ ]:"} and self.all(*_IDLE):
                self._click_run_all()  # asked before the kernel was connected, JupyterLab forgets it
            ran = [cell for cell in found if re.fullmatch(r"\[\d+\]:", cell["prompt"])]
            return found if len(ran) == count or any(cell["errors"] for cell in found) else []

        return self.until(done, "all cells to run", seconds)

    def _click_run_all(self) -> None:
        self.one(*_IDLE)
        self.click(".lm-MenuBar-itemLabel", "Run")
        self.click(".lm-Menu-itemLabel", "Run All Cells")
        time.sleep(2)

    def show(self, element) -> None:
        """Scroll to an element."""
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'start'})", element)
        time.sleep(0.5)

    def picture(self, name: str) -> Path:
        self.pictures.mkdir(parents=True, exist_ok=True)
        path = self.pictures / f"{name}.png"
        self.driver.save_screenshot(str(path))
        return path

    def complaints(self) -> list[str]:
        """The errors in the browser's console since the page was opened."""
        return [json.dumps(entry) for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
