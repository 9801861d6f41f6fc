"""Parse README and docs into their parts: blocks, names in code marks, commands, headings, links."""

import re
from pathlib import Path

from markdown_it import MarkdownIt

from cefr_helpers.core.paths import project_root

ROOT = project_root()
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
_COMMAND = re.compile(r"(?:\.venv/bin/)?(?:make|cefr|jupyter|python)\s+\S")
_SHELL = {"code_block": [""], "fence": ["", "sh", "bash", "console"]}


def doc(name: str) -> Path:
    return ROOT / "docs" / name


def parsed(page: Path) -> list:
    """Return the page's blocks and their inline parts, in one list."""
    found = []
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        found += [token, *(token.children or [])]
    return found


def blocks(page: Path, info: str) -> list[str]:
    """The fenced blocks of one kind."""
    return [token.content for token in parsed(page) if token.type == "fence" and token.info == info]


def spans(page: Path) -> list[str]:
    """Return the texts in code marks within lines."""
    return [token.content for token in parsed(page) if token.type == "code_inline"]


def shell_lines(page: Path) -> list[str]:
    code = [token.content for token in parsed(page) if token.info.strip() in _SHELL.get(token.type, [])]
    return [line.strip() for text in code for line in text.splitlines()]


def commands(page: Path) -> list[str]:
    """The page's calls of make, cefr, jupyter and python, each once."""
    return list(dict.fromkeys(line for line in shell_lines(page) + spans(page) if _COMMAND.match(line)))


def links(page: Path) -> list[str]:
    """Return the targets of links and pictures, except those on the web."""
    found = [token.attrs.get("href") or token.attrs.get("src") for token in parsed(page) if token.attrs]
    return [link for link in found if isinstance(link, str) and not re.match(r"[a-z]+:", link)]


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives the page's headings."""
    tokens = parsed(page)
    titles = [after.content for token, after in zip(tokens, tokens[1:], strict=False) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
