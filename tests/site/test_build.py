"""The results site: its pages, links, tables and figures, from records made by hand; then in a real browser."""

import json
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import browser
import hand_made_records
import nbformat
import pytest
from bs4 import BeautifulSoup
from hand_made_records import write_records
from selenium.webdriver.support.wait import WebDriverWait

from cefr_helpers import cli
from cefr_helpers.core import ratings
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.levels import LEVELS
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.ratings import RatingResults, Reader, SystemRating
from cefr_helpers.core.schema import RATES, Metric
from cefr_helpers.evaluation import summary
from cefr_helpers.notes import final_report, results_note, training_figures
from cefr_helpers.rendering import locale
from cefr_helpers.site import build, pages
from cefr_helpers.site import html as site_html

TEXT = locale.phrases("en")["site"]
NASTY = '<script>document.title = "run"</script><img src="https://example.org/a.png" onerror="alert(1)">'
VALUES = ["5.5", "−7", "12", "1,250", "—", "3", "0.1", "40%"]
STEPS = "".join(f"<tr><th>{step}</th><td>{value}</td></tr>" for step, value in enumerate(VALUES))
TABLE = (
    "<style>th {color: red}</style><table border='1'><thead><tr><th></th><th>loss</th></tr><tr><th>step</th><th></th>"
    f"</tr></thead><tbody>{STEPS}</tbody></table>"
)


def executed() -> nbformat.NotebookNode:
    """An executed notebook with several kinds of output: text, a table, foreign HTML, a path of this machine."""
    output = nbformat.v4.new_output
    outputs = [
        output("stream", name="stdout", text="step 1\n"),
        output("stream", name="stdout", text="step 2\n"),
        output("stream", name="stderr", text="/home/someone/warning\n"),
        output("display_data", data={"text/html": TABLE}),
        output("display_data", data={"text/html": f"<p>kept</p>{NASTY}"}),
    ]
    cells = [nbformat.v4.new_markdown_cell("# 02 Training\n\n[the bank](../../../README.md) [x](javascript:alert(1))")]
    return nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_code_cell("print(1)", outputs=outputs)])


def slots() -> str:
    """Eight answers of each system, of which every other one is of another level."""
    rows = [",".join(("row", "word", "sentence", *RATES, "level_score", "human_level"))]
    for row in summary.ROWS:
        for n in range(8):
            passed = [str(n % 2 == 0 or rate not in ("joint_success", "level_ok")) for rate in RATES]
            rows.append(",".join((row, "cope", f'"They cope_with <b>it</b>, {n}."', *passed, "3.51", "2.75")))
    return "\n".join(rows) + "\n"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Workspace:
    """Two levels: B2 with notebook and answers, B1 with its note alone."""
    made = Workspace(tmp_path_factory.mktemp("out"), tmp_path_factory.mktemp("user_data"))
    for records in (hand_made_records.with_answers("B2"), hand_made_records.level_records("B1")):
        write_records(made, records)
    training_figures.draw_all(made, "B2", "en")
    final_report.write_final_report(made, LEVELS, "en")
    for level in ("B1", "B2"):
        results_note.write_results_note(made, level, "en")
    nbformat.write(executed(), made.run("B2") / "02_training.ipynb")
    (made.run("B2") / "generations.csv").write_text(slots())
    return made


@pytest.fixture(scope="module")
def site(workspace) -> Path:
    return build.build(workspace, "en").parent


def page(site: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((site / name).read_text(encoding="utf-8"), "html.parser")


def targets(soup: BeautifulSoup) -> list[str]:
    found = [tag.get("href") or tag.get("src") for tag in soup.find_all(["a", "img", "script", "link"])]
    return [target for target in found if target and not target.startswith(("data:", "#"))]


def test_has_a_page_for_what_there_is_and_for_nothing_else(site):
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert pages == {
        "index.html",
        "Notes/FINAL_REPORT.html",
        "Notes/B1_FINE_TUNING_RESULTS.html",
        "Notes/B2_FINE_TUNING_RESULTS.html",
        "runs/B2/02_training.html",
        "runs/B2/generations.html",
    }
    assert (site / ".nojekyll").is_file()


def test_every_link_leads_to_a_file_of_the_site_and_nothing_comes_from_afar(site):
    for path in site.rglob("*.html"):
        found = targets(BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser"))
        assert found
        for target in found:
            parts = urlsplit(target)
            assert not parts.scheme and not parts.netloc and not target.startswith("/"), (path, target)
            assert (path.parent / unquote(parts.path)).resolve().is_file(), (path, target)
    for name in ("site.css", "site.js"):
        assert "http" not in (site / name).read_text() and "@import" not in (site / name).read_text()


def test_every_page_can_be_reached_from_the_start_page(site):
    seen, todo = set(), ["index.html"]
    while todo:
        name = todo.pop()
        seen.add(name)
        there = [(site / name).parent / unquote(urlsplit(one).path) for one in targets(page(site, name))]
        names = {one.resolve().relative_to(site.resolve()).as_posix() for one in there if one.suffix == ".html"}
        todo += names - seen - set(todo)
    assert seen == {path.relative_to(site).as_posix() for path in site.rglob("*.html")}


def test_the_start_page_shows_the_levels_there_are(site):
    start = page(site, "index.html")
    rows = [row.find("td").get_text() for row in start.main.table.tbody.find_all("tr")]
    assert rows == ["B1", "B2"]
    assert [link.get_text() for link in start.header.find_all("a")] == ["Start", "Final report", "B1", "B2"]
    assert start.find("a", {"aria-current": "page"}).get_text() == "Start"
    assert "2.392 → 1.801" in start.main.get_text()
    assert "People would place the tuned model's sentences at B1 (2.9 [2.7, 3.1])" in start.main.get_text()


@pytest.mark.parametrize(
    ("language", "unread", "share"),
    [("en", "Not rated yet", "tuned model 60.0% [31.0, 83.0]"), ("tr", "Henüz oylanmadı", "%60,0 [31,0; 83,0]")],
)
def test_the_start_page_says_what_readers_would_print_or_how_to_ask_them(workspace, tmp_path, language, unread, share):
    copy = Workspace(shutil.copytree(workspace.output_root, tmp_path / "out"), workspace.user_data)
    words = locale.load_locale(language)
    start = pages.start(pages.find(copy, words), copy, words)
    assert start.count(unread) == 1 and "`make rate LEVELS=B2`" in start  # B1 has no answers to be read
    tuned = SystemRating(words=10, printable=Metric(value=0.6, low=0.31, high=0.83))
    found = RatingResults(counted="people", readers=[Reader(name="A", kind="teacher")], systems={"tuned": tuned})
    ratings.write(copy, "B2", {}, found)
    start = pages.start(pages.find(copy, words), copy, words)
    assert share in start and unread not in start


def test_figures_that_are_older_than_their_records_are_marked(workspace, site, tmp_path):
    for name in ("index.html", "Notes/B2_FINE_TUNING_RESULTS.html"):
        assert "Out of date" not in page(site, name).main.get_text()
    copy = Workspace(tmp_path / "out", tmp_path / "user_data")
    shutil.copytree(workspace.output_root, copy.output_root)
    later = copy.note("B2").stat().st_mtime + 5
    os.utime(copy.record("B2", "dataset"), (later, later))  # the same record, written again
    training = json.loads(copy.record("B2", "training").read_text())
    training["created"] = datetime.fromtimestamp(later, UTC).isoformat(timespec="seconds")
    copy.record("B2", "training").write_text(json.dumps(training))
    made = build.build(copy, "en").parent
    for name in ("index.html", "Notes/B2_FINE_TUNING_RESULTS.html"):
        assert page(made, name).main.get_text().count("Out of date. training.json has changed") == 1
    assert "Out of date" not in page(made, "Notes/B1_FINE_TUNING_RESULTS.html").main.get_text()
    (tmp_path / "bank.json").write_text("{}")
    record = json.loads(copy.record("B1", "dataset").read_text())
    record["inputs"] = {str(tmp_path / "bank.json"): "0" * 64}
    copy.record("B1", "dataset").write_text(json.dumps(record))
    assert "Out of date. bank.json has changed" in page(build.build(copy, "en").parent, "index.html").main.get_text()


def test_notes_keep_their_figures_and_link_to_pages(site):
    note = page(site, "Notes/B2_FINE_TUNING_RESULTS.html")
    sources = [image["src"] for image in note.select("button.enlarge > img")]
    assert "../training_plots/B2/1_training_loss.png" in sources and len(sources) == 7
    assert all(button["aria-label"].startswith("Enlarge: ") for button in note.select("button.enlarge"))
    assert note.main.find("a", href="FINAL_REPORT.html")
    assert not page(site, "Notes/B1_FINE_TUNING_RESULTS.html").select("a[href*=README]")


def test_a_figure_that_is_not_there_becomes_its_description(site):
    note = page(site, "Notes/B1_FINE_TUNING_RESULTS.html").main
    assert not note.find_all("img") and "B1: training loss" in note.get_text()


def test_tables_can_be_searched_and_sorted(site):
    table = page(site, "runs/B2/generations.html").main.table
    assert "sortable" in table["class"] and table.parent["class"] == ["table", "tall"]
    field = table.parent.find_previous_sibling()
    assert field["class"] == ["search"] and field.input["type"] == "search" and field.input["aria-label"]
    headings = table.thead.find_all("th")
    assert [heading.button.get_text() for heading in headings] == [
        "Answers of",
        "Word",
        "Sentence",
        "Result",
        "Level, people",
        "Level, bank",
    ]
    assert {heading["aria-sort"] for heading in headings} == {"none"}
    first = [cell.get_text() for cell in table.tbody.find("tr").find_all("td")]
    assert first == ["Base", "cope", "They cope_with <b>it</b>, 0.", "✓", "2.75", "3.51"]
    facts = page(site, "Notes/B2_FINE_TUNING_RESULTS.html").main.find_all("table")[1]
    assert facts.thead is None and not facts.get("class")


def test_an_executed_notebook_shows_its_outputs_and_runs_none(site):
    html = (site / "runs/B2/02_training.html").read_text(encoding="utf-8")
    main = page(site, "runs/B2/02_training.html").main
    assert "step 1\nstep 2" in main.get_text() and "kept" in main.get_text()
    assert "/home/someone" not in html and "example.org" not in html and "onerror" not in html
    assert not main.find_all(["script", "style"]) and not main.find_all("a", href=lambda href: "javascript" in href)
    headings = [heading.get_text() for heading in main.table.thead.find_all("th")]
    assert headings == ["step", "loss"] and main.table.find_parent("div", class_="table")


def test_a_table_with_joined_cells_keeps_its_order():
    rows = "<tr><th rowspan=2>a</th><td>1</td></tr><tr><td>2</td></tr>"
    html = f"<main><table><thead><tr><th>x</th><th>y</th></tr></thead><tbody>{rows}</tbody></table></main>"
    assert "sortable" not in site_html.finish(html, "", lambda place: None, TEXT)


def test_in_turkish(workspace, tmp_path):
    copy = Workspace(tmp_path / "out", workspace.user_data)
    shutil.copytree(workspace.output_root, copy.output_root, ignore=shutil.ignore_patterns("site"))
    start = page(build.build(copy, "tr").parent, "index.html")
    assert start.html["lang"] == "tr" and start.h1.get_text().startswith("Sonuçlar")
    assert "İnsanlar, ince ayarlı modelin cümlelerini şu düzeye yerleştirirdi: B1" in start.main.get_text()


class TestPlace:
    def folder(self, tmp_path) -> Workspace:
        made = Workspace(tmp_path, tmp_path / "user_data")
        made.notes().mkdir()
        made.note("B2").write_text("# First\n")
        return made

    def test_the_command_names_the_start_page(self, tmp_path, monkeypatch, capsys):
        self.folder(tmp_path)
        monkeypatch.setattr(sys, "argv", ["cefr", "site", "--output-root", str(tmp_path), "--language", "tr"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 0 and capsys.readouterr().out.strip() == str(tmp_path / "site/index.html")

    def test_nothing_to_show_says_what_to_run(self, tmp_path):
        with pytest.raises(InputError, match="run `make run` first"):
            build.build(Workspace(tmp_path, tmp_path), "en")
        assert not list(tmp_path.iterdir())

    def test_a_later_site_takes_the_place_of_the_earlier_whole(self, tmp_path):
        made = self.folder(tmp_path)
        build.build(made, "en")
        made.note("B2").rename(made.note("C1"))
        build.build(made, "en")
        assert [path.name for path in (made.site() / "Notes").iterdir()] == ["C1_FINE_TUNING_RESULTS.html"]
        assert sorted(path.name for path in tmp_path.iterdir()) == ["Notes", "site"]

    def test_a_broken_notebook_is_named_and_leaves_the_earlier_site(self, tmp_path):
        made = self.folder(tmp_path)
        start = build.build(made, "en")
        before = start.read_bytes()
        made.run("B2").mkdir(parents=True)
        (made.run("B2") / "01_data_formatting.ipynb").write_text('{"cells": [')
        with pytest.raises(InputError, match="01_data_formatting.ipynb: not a notebook"):
            build.build(made, "en")
        assert start.read_bytes() == before
        assert sorted(path.name for path in tmp_path.iterdir()) == ["Notes", "runs", "site"]

    def test_anothers_folder_is_left_alone(self, tmp_path):
        made = self.folder(tmp_path)
        made.site().mkdir()
        (made.site() / "mine.txt").write_text("mine")
        with pytest.raises(InputError, match="not a site made here"):
            build.build(made, "en")
        assert [path.name for path in made.site().iterdir()] == ["mine.txt"]

    def test_a_link_out_of_the_output_folder_copies_nothing(self, tmp_path):
        (tmp_path / "out").mkdir()
        made = self.folder(tmp_path / "out")
        (tmp_path / "secret.json").write_text("{}")
        made.note("B2").write_text("[a](../../secret.json) ![b](../../secret.json)\n")
        main = page(build.build(made, "en").parent, "Notes/B2_FINE_TUNING_RESULTS.html").main
        assert not targets(main) and not list(made.site().rglob("secret*"))


def look(chromium, path: Path, width: int = 1280, scheme: str = "light") -> None:
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    chromium.get(path.as_uri())


class TestInChromium:
    @pytest.mark.parametrize("width", [390, 1280])
    def test_no_page_complains_or_is_wider_than_the_screen(self, chromium, site, width):
        browser.leave(chromium)
        for path in sorted(site.rglob("*.html")):
            look(chromium, path, width)
            assert chromium.get_log("browser") == [], path
            page = "document.documentElement"
            wide, seen = chromium.execute_script(f"return [{page}.scrollWidth, {page}.clientWidth]")
            assert wide <= seen <= width, path

    def test_light_and_dark(self, chromium, site):
        grounds = []
        for scheme in ("light", "dark"):
            look(chromium, site / "index.html", scheme=scheme)
            grounds.append(chromium.execute_script("return getComputedStyle(document.body).backgroundColor"))
        assert grounds == ["rgb(255, 255, 255)", "rgb(13, 17, 23)"]

    def test_search_narrows_a_table_down(self, chromium, site):
        look(chromium, site / "runs/B2/generations.html")
        field = chromium.find_element("css selector", ".search input")
        field.send_keys("TUNED ✗ level")
        expected = 4 * sum("tuned" in row for row in summary.ROWS)
        said = WebDriverWait(chromium, 30).until  # typing and closing take effect a moment later
        said(lambda _: chromium.find_element("css selector", ".search output").text == TEXT["rows"].format(n=expected))
        rows = [row for row in chromium.find_elements("css selector", "tbody tr") if row.is_displayed()]
        assert len(rows) == expected and all("Tuned" in row.text and "✗ level" in row.text for row in rows)
        assert chromium.find_element("css selector", ".search output").text == TEXT["rows"].format(n=expected)
        field.send_keys(" nowhere")
        assert said(lambda _: chromium.find_element("css selector", ".search output").text == TEXT["no_rows"])

    def test_a_heading_sorts_numbers_as_numbers_both_ways(self, chromium, site):
        look(chromium, site / "runs/B2/02_training.html")
        button = chromium.find_elements("css selector", "th button")[1]
        for expected in ("−7 0.1 3 5.5 12 40% 1,250 —", "1,250 40% 12 5.5 3 0.1 −7 —"):
            button.click()
            assert [cell.text for cell in chromium.find_elements("css selector", "tbody td")] == expected.split()

    def test_a_figure_is_enlarged_and_put_away(self, chromium, site):
        look(chromium, site / "Notes/B2_FINE_TUNING_RESULTS.html", 390)
        figure = chromium.find_element("css selector", "button.enlarge")
        chromium.execute_script("arguments[0].scrollIntoView()", figure)
        small = figure.size["width"]
        figure.click()
        chromium.find_element("css selector", "dialog img").click()
        large = chromium.find_element("css selector", "dialog img")
        assert WebDriverWait(chromium, 10).until(lambda _: large.size["width"] > 2 * small)
        chromium.find_elements("css selector", "dialog button")[1].click()
        assert WebDriverWait(chromium, 30).until(lambda _: not chromium.find_elements("css selector", "dialog"))
