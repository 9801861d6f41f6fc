"""Words and sentences of a bank, names of models and files: none of them can act in a note, a report or a table."""

import re

import hand_made_records
import pytest
from hand_made_notes import WORKSPACE, nasty_ratings, nasty_records, note, tokens
from hand_made_records import write_records
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cefr_helpers.core.level_records import read_levels
from cefr_helpers.core.levels import LEVELS
from cefr_helpers.core.paths import Workspace
from cefr_helpers.evaluation import comparison
from cefr_helpers.notes import final_report
from cefr_helpers.rendering import escaping
from cefr_helpers.sharing import model_card

PAYLOADS = [
    "<script>alert(1)</script>",
    "</td></tr></table><h1>x",
    "<img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "<!-- open",
    "<![CDATA[x",
    "<?php x",
    "&lt;script&gt;",
    "&#60;b&#62;",
    "javascript:alert(1)",
    "[x](javascript:alert(1))",
    "![x](http://tracker.example/p.png)",
    "<http://tracker.example>",
    "http://tracker.example www.tracker.example",
    "[x]: http://tracker.example",
    "[^1]: foot",
    "a | b | c",
    "| --- | --- |",
    "a\n| b | c |\n| --- | --- |",
    "a\n\n# heading\n\n- item",
    "a\r\n===\r\n",
    "> quote",
    "1. item",
    "- [ ] box",
    "~~~\ncode",
    "```\n# out of the fence\n```",
    "`" * 40,
    "    indented",
    "***bold*** __bold__ ~~gone~~",
    "$\\input{/etc/passwd}$",
    "\\write18{touch pwned}",
    "\\end{tabular}\\input{x}",
    "$$x^2$$ \\(x\\) \\[y\\]",
    "100% & more_ #1 {a} ~ ^",
    "{{ 7 * 7 }} {% raw %} {# x #}",
    "{text} {0} %s %(x)s",
    "\u202egnp.exe \u200b\ufeff\u2066",
    "a\x00b\x1b[31mc\x07",
    "\u2028# heading\u2029",
    "@someone #1 GH-1",
    "--- \n---",
    "\\| \\` \\<",
    "=HYPERLINK(1)",
]


def kinds(text: str) -> dict[str, int]:
    """How many of each token there are, but for those that only hold text."""
    found = [token.type for token in tokens(text)]
    return {kind: found.count(kind) for kind in sorted(set(found)) if kind not in ("text", "softbreak", "html_inline")}


def html(text: str) -> set[str]:
    return {token.content for token in tokens(text) if token.type.startswith("html")}


@pytest.mark.parametrize("language", ["en", "tr"])
@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_a_note_keeps_its_shape_whatever_the_words_are(payload, language):
    made, harmless = note(nasty_records(payload), language), note(nasty_records("word"), language)
    code_apart = [{kind: n for kind, n in kinds(text).items() if kind != "code_inline"} for text in (made, harmless)]
    assert code_apart[0] == code_apart[1]
    assert html(made) <= {"<code>", "</code>"}
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u2028\u202e\u2066]", made)


def test_nor_does_what_readers_and_judges_are_called_act_in_it():
    for payload in PAYLOADS:
        made, harmless = note(nasty_ratings(payload)), note(nasty_ratings("word"))
        code_apart = [
            {kind: n for kind, n in kinds(text).items() if kind != "code_inline"} for text in (made, harmless)
        ]
        assert code_apart[0] == code_apart[1], payload
        assert html(made) <= {"<code>", "</code>"}
        assert not re.search(r"[\x00-\x08\x0b-\x1f\u2028\u202e\u2066]", made)


def test_nor_do_names_of_models_banks_and_files_in_a_model_card():
    for payload in PAYLOADS:
        made, harmless = (model_card.card(WORKSPACE, nasty_records(one), "adapter") for one in (payload, "word"))
        made, harmless = (text[text.index(model_card.MARK) :] for text in (made, harmless))  # the header is YAML
        code_apart = [
            {kind: n for kind, n in kinds(text).items() if kind != "code_inline"} for text in (made, harmless)
        ]
        assert code_apart[0] == code_apart[1], payload
        assert html(made) <= {"<code>", "</code>", f"{model_card.MARK}\n"}


@pytest.mark.parametrize("language", ["en", "tr"])
def test_the_report_and_its_tables_keep_their_shape(tmp_path, language, monkeypatch):
    monkeypatch.setattr(final_report, "_draw", lambda *_: None)
    texts, tables = [], []
    for payload in ("word", " ".join(PAYLOADS)):
        workspace = Workspace(tmp_path / str(len(texts)), tmp_path)
        write_records(workspace, nasty_records(payload))
        write_records(workspace, hand_made_records.level_records("A2"))
        texts.append(final_report.write_final_report(workspace, LEVELS, language).read_text(encoding="utf-8"))
        found = sorted((workspace.notes() / "tables").iterdir())
        tables.append({path.name: path.read_text(encoding="utf-8") for path in found})
    assert kinds(texts[0]) == kinds(texts[1]) and html(texts[1]) <= {"<code>", "</code>"}
    for name, text in tables[1].items():
        assert text.count("\n") == tables[0][name].count("\n")
        if name.endswith(".tex"):
            assert text.count(r"\\") == tables[0][name].count(r"\\")
            assert not re.search(r"\\(input|write18|end\{tabular\}.*input)", text)
    # the payload was in what the report was made of
    assert read_levels(workspace)["B2"] == nasty_records(" ".join(PAYLOADS))


@settings(max_examples=400, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
    | st.text("|<>&`*_[]()!#$\\~-+=.:/ \nw1a", max_size=40)
)
def test_escaped_text_is_shown_as_it_is_in_a_line_and_in_a_table(text):
    shown = " ".join(escaping.visible(text).split())
    parser = MarkdownIt("commonmark", {"linkify": False}).enable(["table", "strikethrough"])
    for document, around in (("x {} y", 3), ("| x {} y | b |\n| --- | --- |\n| c | d |", None)):
        found = parser.parse(document.format(escaping.markdown(text)))
        inline = next(token for token in found if token.type == "inline")
        assert {child.type for child in inline.children} <= {"text", "text_special"}
        assert "".join(child.content for child in inline.children) == (f"x {shown} y" if shown else "x  y")
        assert around is None or len(found) == around


@settings(max_examples=400, deadline=None)
@given(st.text("\\{}$&#%_^~\"'`|<>-−— \nab", max_size=40) | st.text(st.characters(exclude_categories=["Cs"])))
def test_latex_has_no_special_character_left(text):
    # left to right, as LaTeX reads it: of an escaped dollar sign and a minus after it neither is taken apart
    harmless = r"\\text(backslash|asciitilde|asciicircum)\{\}|\\[&%$#_{}]|\$-\$"
    assert not re.search(r"[\\{}$&#%_~^]", re.sub(harmless, "", escaping.latex(text)))


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_answers_in_a_notebook_are_shown_as_text(payload):
    answer = {"words": [payload], "base": payload, "tuned": payload}
    made = comparison.side_by_side(answer)
    tags = re.findall(r"</?([a-zA-Z!?][^\s>/]*)", made)
    assert sorted(set(tags)) == ["b", "p", "table", "td", "th", "tr"]
    assert len(tags) == len(
        re.findall(
            r"</?([a-zA-Z!?][^\s>/]*)",
            comparison.side_by_side(dict.fromkeys(answer, ["x"]) | {"base": "x", "tuned": "x"}),
        )
    )
