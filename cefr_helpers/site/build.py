"""Build static pages of a finished run with nbconvert: notes, executed notebooks and answers, without a network."""

import os
import shutil
from pathlib import Path, PurePosixPath

from cefr_helpers.core import files, levels
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.rendering.locale import Locale, load_locale
from cefr_helpers.site import html as site_html
from cefr_helpers.site import pages as site_pages
from cefr_helpers.site.pages import Page

_TEMPLATE = Path(__file__).parent / "template"
# Without it GitHub Pages would leave out files by Jekyll's rules; it also identifies our own folder.
_MARK = ".nojekyll"
_COPIED = (".png", ".pdf", ".svg", ".csv", ".tex", ".json")


def build(workspace: Workspace, language: str) -> Path:
    """Build the site of an output folder in a temporary folder, and move it into place as `site/`.

    Raises:
        InputError: there is nothing to show yet, or another folder that is not such a site is there.
    """
    locale = load_locale(language)
    pages = site_pages.find(workspace, locale)
    if not pages:
        raise InputError(f"{workspace.output_root}: no notes and no executed notebooks; run `make run` first")
    folder = workspace.site()
    if folder.exists() and not (folder / _MARK).is_file():
        raise InputError(f"{folder}: exists, and is not a site made here (no {_MARK} in it); move it away first")
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        _write(aside, pages, workspace, locale)
        _into_place(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder / "index.html"


class _Places:
    """Where the site has the files of the output folder; `copied` collects linked files that have no page."""

    def __init__(self, workspace: Workspace, pages: list[Page]):
        self.root = workspace.output_root.resolve()
        self.pages = {str(page.path) for page in pages}
        made = [(page.source, str(page.path)) for page in pages if page.source]
        sources = {source.relative_to(workspace.output_root).as_posix(): path for source, path in made}
        self.by_source = {source: path for source, path in sources.items() if not source.endswith(_COPIED)}
        self.copied: set[str] = set()

    def find(self, place: str) -> str | None:
        """Return the place in the site of a linked file; None if it is not shown."""
        if place in self.pages:
            return place
        if place in self.by_source:
            return self.by_source[place]
        file = (self.root / place).resolve()
        if not (file.is_relative_to(self.root) and file.is_file() and file.suffix in _COPIED):
            return None
        self.copied.add(place)
        return place


def _write(folder: Path, pages: list[Page], workspace: Workspace, locale: Locale) -> None:
    text, places, exporter = locale.phrases["site"], _Places(workspace, pages), _exporter()
    start = Page(PurePosixPath("index.html"), text["start"], text["title"])
    for page in (start, *pages):
        notebook = site_pages.notebook(page, pages, workspace, locale)
        html, _ = exporter.from_notebook_node(notebook, resources={"site": _around(page, start, pages, locale)})
        parent = page.path.parent.as_posix().removeprefix(".")
        files.write_atomically(folder / page.path, site_html.finish(html, parent, places.find, text))
    for place in places.copied:
        files.write_atomically(folder / place, (places.root / place).read_bytes())
    files.write_atomically(folder / "site.css", _style())
    files.write_atomically(folder / "site.js", (_TEMPLATE / "site.js").read_bytes())
    files.write_atomically(folder / _MARK, "")


def _exporter():
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(template_name=_TEMPLATE.name, extra_template_basedirs=[str(_TEMPLATE.parent)])
    exporter.register_preprocessor("nbconvert.preprocessors.CoalesceStreamsPreprocessor", enabled=True)
    return exporter


def _style() -> str:
    """Return the site's style with the colours of code, light and dark."""
    from pygments.formatters import HtmlFormatter

    light, dark = (HtmlFormatter(style=name).get_style_defs(".highlight") for name in ("default", "github-dark"))
    style = (_TEMPLATE / "site.css").read_text(encoding="utf-8")
    return f"{style}\n{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def _around(page: Page, start: Page, pages: list[Page], locale: Locale) -> dict:
    """Return the values for the template: two rows of navigation, the path to the root, titles and phrases."""
    text = locale.phrases["site"]
    root = "../" * (len(page.path.parts) - 1)

    def entry(target: Page, label: str, here: bool) -> dict:
        return {"href": f"{root}{target.path}", "label": label, "here": here, "page": target.path == page.path}

    first_of = {level: next((one for one in pages if one.level == level), None) for level in levels.LEVELS}
    top = [entry(one, one.label, one == page) for one in (start, *(p for p in pages if p.level is None))]
    top += [entry(one, level, level == page.level) for level, one in first_of.items() if one]
    rows = [{"label": text["pages"], "entries": top}]
    if page.level:
        of_level = [entry(one, one.label, one == page) for one in pages if one.level == page.level]
        rows.append({"label": text["level_pages"].format(level=page.level), "entries": of_level})
    title = page.title if page is start else f"{page.title} – {text['title']}"
    return {"root": root, "title": title, "language": locale.language, "navigation": rows, "text": text}


def _into_place(aside: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    if folder.exists():
        os.rename(folder, old)
    os.rename(aside, folder)
    shutil.rmtree(old, ignore_errors=True)
