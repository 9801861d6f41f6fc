"""Finish a page's HTML for the site: interactive tables and figures, working links, nothing remote."""

import posixpath
import re
from collections.abc import Callable
from urllib.parse import quote, unquote, urlsplit

_SEARCHED_FROM = 12  # rows: a shorter table needs no search
_TALL_FROM = 30  # rows: such a table scrolls under its own headings
_LONG_TEXT = 40  # characters: such a cell gets some width on a narrow screen
_ACTIVE = ("script", "style", "link", "iframe", "object", "embed", "base", "form")


def finish(html: str, folder: str, find: Callable[[str], str | None], text: dict[str, str]) -> str:
    """Return a rendered page with its body finished.

    Args:
        html: the page from the template; only `<main>` is changed.
        folder: the page's folder, the same in the site and in the output folder; "" for their roots.
        find: returns the place in the site of a file of the output folder, or None if the site does not have it.
        text: the phrases `search`, `enlarge`.
    """
    from bs4 import BeautifulSoup

    page = BeautifulSoup(html, "html.parser")
    main = page.main or page
    _leave_out_active(main)
    for link in main.find_all("a", href=True):
        _mend_link(link, folder, find)
    for table in main.find_all("table"):
        _finish_table(page, table, text)
    for image in main.find_all("img"):
        _finish_image(page, image, folder, find, text)
    return str(page)


def _leave_out_active(main) -> None:
    """Remove active content of a notebook's output, and pandas' own styles, which would conflict with the site's."""
    for tag in main.find_all(_ACTIVE):
        tag.decompose()
    for tag in main.find_all(True):
        for name in [name for name in tag.attrs if name.startswith("on") or name in ("srcset", "background")]:
            del tag[name]
        if "url(" in (tag.get("style") or ""):
            del tag["style"]


def _mend_link(link, folder: str, find: Callable[[str], str | None]) -> None:
    kind = urlsplit(link["href"]).scheme
    if kind in ("http", "https", "mailto") or link["href"].startswith("#"):
        return
    target = None if kind else _within(link["href"], folder, find)
    if target is None:
        link.unwrap()
    else:
        link["href"] = target


def _within(href: str, folder: str, find: Callable[[str], str | None]) -> str | None:
    """Return a relative link into the site, or None."""
    parts = urlsplit(href)
    place = find(posixpath.normpath(posixpath.join(folder, unquote(parts.path))))
    if place is None:
        return None
    return quote(posixpath.relpath(place, folder or ".")) + (f"#{parts.fragment}" if parts.fragment else "")


def _finish_table(page, table, text: dict[str, str]) -> None:
    """Wrap a table so that it scrolls separately; give it headings that sort and, if it is long, a search field.

    A table with cells that span several rows cannot be sorted.
    """
    del table["border"], table["style"]
    _one_heading_row(table)
    rows = table.tbody.find_all("tr", recursive=False) if table.tbody else []
    around = page.new_tag("div", attrs={"class": ["table"], "tabindex": "0"})
    table.wrap(around)
    for cell in table.find_all("td"):
        if len(cell.get_text()) > _LONG_TEXT:
            cell["class"] = [*cell.get("class", []), "text"]
    headings = table.thead.find_all("th") if table.thead else []
    if table.thead and not any(heading.get_text(strip=True) for heading in headings):
        table.thead.decompose()  # Markdown tables always have headings, even empty ones
        return
    joined = table.tbody and table.tbody.find(lambda cell: cell.get("rowspan") or cell.get("colspan"))
    if len(rows) < 2 or joined or not headings:
        return
    table["class"] = [*table.get("class", []), "sortable"]
    for heading in headings:
        _make_sortable(page, heading)
    if len(rows) >= _SEARCHED_FROM:
        around.insert_before(_search_field(page, text["search"]))
    if len(rows) >= _TALL_FROM:
        around["class"] = ["table", "tall"]


def _one_heading_row(table) -> None:
    """Move an index's name above its column, because pandas puts it into a separate row of headings."""
    lines = table.thead.find_all("tr") if table.thead else []
    if len(lines) == 2:
        (first, *_), (name, *others) = (line.find_all("th") for line in lines)
        if not first.get_text(strip=True) and not any(other.get_text(strip=True) for other in others):
            first.string = name.get_text(strip=True)
            lines[1].decompose()


def _make_sortable(page, heading) -> None:
    if not heading.get_text(strip=True):
        return
    button = page.new_tag("button", attrs={"type": "button"})
    for child in list(heading.contents):
        button.append(child.extract())
    heading.append(button)
    heading["aria-sort"] = "none"


def _search_field(page, label: str):
    field = page.new_tag("div", attrs={"class": "search"})
    field.append(page.new_tag("input", attrs={"type": "search", "placeholder": label, "aria-label": label}))
    field.append(page.new_tag("output"))
    return field


def _finish_image(page, image, folder: str, find: Callable[[str], str | None], text: dict[str, str]) -> None:
    """Put a figure into a button that enlarges it; a picture that the site does not have becomes its description."""
    source, alt = image.get("src", ""), image.get("alt", "")
    if not re.match(r"data:image/(png|jpeg|gif|svg\+xml)[;,]", source):
        target = None if urlsplit(source).scheme or source.startswith("//") else _within(source, folder, find)
        if target is None:
            image.replace_with(alt)
            return
        image["src"] = target
    image["alt"] = alt or text["figure"]
    label = f"{text['enlarge']}: {image['alt']}"
    image.wrap(page.new_tag("button", attrs={"type": "button", "class": "enlarge", "aria-label": label}))
