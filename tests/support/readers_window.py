"""The actions of a reader on the page for readers, in Chromium."""

from pathlib import Path

from selenium.webdriver.support.wait import WebDriverWait

from cefr_helpers.core import files
from cefr_helpers.rating import votes


def look(chromium, path: Path, width: int = 1280) -> None:
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    chromium.get(path.as_uri())


def one(chromium, css: str):
    return chromium.find_element("css selector", css)


def begin(chromium, name: str, kind: str = "teacher") -> None:
    one(chromium, "#name").send_keys(name)
    one(chromium, f"#kind option[value={kind}]").click()
    one(chromium, "#begin").click()


def press(chromium, *pressed: str) -> None:
    one(chromium, "body").send_keys("".join(pressed))


def done(chromium) -> int:
    return int(one(chromium, "progress").get_property("value"))


def votes_in(file: Path) -> votes.Votes:
    return votes.parse(files.read_json(file, "a votes file"), file)


def downloaded(chromium, folder: Path) -> votes.Votes:
    """Return the file that the button downloads."""
    folder.mkdir(exist_ok=True)
    chromium.execute_cdp_cmd("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
    one(chromium, "#save").click()
    # Chromium creates the file before it has the content
    [file] = WebDriverWait(chromium, 30).until(lambda _: [one for one in folder.glob("*.json") if one.stat().st_size])
    return votes_in(file)
