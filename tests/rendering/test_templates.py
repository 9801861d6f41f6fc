"""Templates: texts of users are escaped by themselves; names that are not there and bare numbers are errors."""

import jinja2
import markupsafe
import pytest
from jinja2 import nodes

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.schema import Interval, Metric, TrainingResults
from cefr_helpers.rendering import escaping, templates
from cefr_helpers.rendering.escaping import Markdown
from cefr_helpers.rendering.locale import LANGUAGES, load_locale

NASTY = "a|b <i> *c* [d](http://e)"
SAFE = "a&#124;b &#60;i&#62; &#42;c&#42; &#91;d&#93;(http&#58;//e)"


@pytest.fixture
def render(tmp_path, monkeypatch):
    """Render the text of a template in a language."""
    monkeypatch.setattr(templates, "TEMPLATES", tmp_path)
    templates._environment.cache_clear()

    def made(text: str, language: str = "en", **context) -> str:
        name = f"{len(list(tmp_path.iterdir()))}.md.j2"
        (tmp_path / name).write_text(text, encoding="utf-8")
        return templates.render(name, load_locale(language), context).removesuffix("\n")

    yield made
    templates._environment.cache_clear()


def test_text_is_escaped_without_a_filter_and_only_once(render):
    assert render("{{ x }}", x=NASTY) == SAFE
    assert render("{{ text.facts.gpu.format(name=x, memory=m) }}", x=NASTY, m="1 GB") == f"GPU {SAFE}, 1 GB"
    assert render("{{ [x, x] | join(' · ') }}", x=NASTY) == f"{SAFE} · {SAFE}"
    assert render("{{ [x, 'B2'] | listed }}", x=NASTY) == f"{SAFE} and B2"
    assert render("{{ x | recorded }} {{ x | shortened(5) }}", x=NASTY) == f"{SAFE} a&#124;b …"
    assert render("{{ x }}", x=Markdown("**b**")) == "**b**"
    assert render("{{ x }}", x=escaping.markdown(NASTY)) == SAFE


@pytest.mark.parametrize(
    "text", ["{{ x ~ '' }}", "{{ '' ~ x }}", "{{ x | safe }}", "{{ bold + x }}", "{% set y = x %}{{ y }}", "{{ m }}"]
)
def test_no_way_round_lets_a_users_text_act(render, text):
    made = render(text, x=NASTY, bold=Markdown("**b** "), m=markupsafe.Markup(NASTY))
    assert SAFE in made and "<i>" not in made and "](" not in made


@pytest.mark.parametrize(
    "text",
    [
        "{{ 0.5 }}",
        "{{ x }}",
        "{{ none }}",
        "{{ text.note.prompt.format(n=x) }}",
        "{{ text.note.prompt.format(n=none) }}",
    ],
)
def test_a_number_that_no_filter_has_written_is_an_error(render, text):
    with pytest.raises(InputError, match=r"0\.md\.j2, line 1: .* is no text"):
        render(text, x=7)


@pytest.mark.parametrize("shown", ["t.durations_s", *(f"t.durations_s | {name}" for name in templates._OF_LOCALE)])
def test_a_name_that_a_record_does_not_have_is_an_error(render, shown):
    with pytest.raises(InputError, match="line 1: .*'durations_s'"):
        render("{{ " + shown + " }}", t=TrainingResults(duration_s=3.0))


@pytest.mark.parametrize(
    "text", ["{{ text.note.tytle }}", "{{ text.note['tytle'] }}", "{{ nobody }}", "{% if nobody %}{% endif %}"]
)
def test_a_phrase_that_the_catalogue_does_not_have_is_an_error(render, text):
    with pytest.raises(InputError, match="line 1: "):
        render(text)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("{{ training.durations_s | duration }}", "TrainingResults object' has no attribute 'durations_s'"),
        ("{{ text.note.prompt.format(m='1') }}", "the phrase has a place for 'n', which is not given"),
        ("{{ training.duration_s | durations }}", "No filter named 'durations'"),
        ("{% if training %}", "Unexpected end of template"),
        ("{{ training.duration_s }}", "3.0 is no text"),
    ],
)
def test_a_fault_is_named_with_its_file_and_line(render, tmp_path, wrong, said):
    (tmp_path / "part.md.j2").write_text(f"first\nsecond\n{wrong}\n", encoding="utf-8")
    with pytest.raises(InputError) as error:
        render("a\n{% include 'part.md.j2' %}\n", training=TrainingResults(duration_s=3.0))
    assert str(error.value).startswith(f"{tmp_path / 'part.md.j2'}, line ") and said in str(error.value)
    assert "line 3: " in str(error.value) or "Unexpected end" in said


def test_filters_write_what_a_record_holds_in_both_languages(render):
    values = {
        "metric": Metric(value=0.38, low=0.163, high=0.517),
        "alone": Metric(value=2.934),
        "difference": Interval(estimate=-0.04, low=-0.131, high=0.051),
        "unknown": Metric(),
    }
    expected = {
        "{{ 345.8 | duration }} {{ none | duration }}": ("5:46 unknown", "5:46 bilinmiyor"),
        "{{ metric | share_with_interval }}": ("38.0% [16.3, 51.7]", "%38,0 [16,3; 51,7]"),
        "{{ metric | mean_with_interval(1) }}": ("0.4 [0.2, 0.5]", "0,4 [0,2; 0,5]"),
        "{{ alone | mean_with_interval }} {{ unknown | share_with_interval }}": ("2.93 —", "2,93 —"),
        "{{ difference | points_with_interval }} {{ none | points_with_interval }}": (
            "−4.0 [−13.1, 5.1] —",
            "−4,0 [−13,1; 5,1] —",
        ),
        "{{ 0.0004 | p }} {{ 0.0123 | p }} {{ none | cell('p') }}": ("&#60; 0.001 0.012 —", "&#60; 0,001 0,012 —"),
        "{{ (1.5, 2.25) | interval }} {{ 0.5 | share(2) }}": ("[1.500, 2.250] 50.00%", "[1,500; 2,250] %50,00"),
        "{{ '0123456789abcdef+changes' | commit }} {{ 'unknown' | commit }}": (
            "`0123456789ab` with uncommitted changes unknown",
            "`0123456789ab` (kaydedilmemiş değişikliklerle) bilinmiyor",
        ),
        "{{ ['q_proj', 'v_proj'] | setting }} {{ true | setting }} {{ 2e-4 | setting }}": (
            "`q_proj`, `v_proj` yes 2e-4",
            "`q_proj`, `v_proj` evet 2e-4",
        ),
        "{{ ['first', 'odd'] | map('phrase', text.remarks) | join('; ') }}": (
            "first evaluation; `odd`",
            "ilk değerlendirme; `odd`",
        ),
    }
    for text, shown in expected.items():
        assert tuple(render(text, language, **values) for language in LANGUAGES) == shown


def _path(node: nodes.Node, names: dict[str, list[str]]) -> list[str] | None:
    """`text.note.title` as ["note", "title"]; None for what does not begin at the catalogue or has a variable in it."""
    if isinstance(node, nodes.Name):
        return names.get(node.name)
    if isinstance(node, nodes.Getattr):
        path, key = _path(node.node, names), node.attr
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        path, key = _path(node.node, names), node.arg.value
    else:
        return None
    return None if path is None else [*path, key]


def test_every_phrase_that_a_template_names_is_in_the_catalogue():
    named = 0
    for file in templates.TEMPLATES.iterdir():
        tree, names = jinja2.Environment().parse(file.read_text(encoding="utf-8")), {"text": []}
        for assign in tree.find_all(nodes.Assign):
            several = isinstance(assign.target, nodes.Tuple)
            pairs = (
                zip(assign.target.items, assign.node.items, strict=True) if several else [(assign.target, assign.node)]
            )
            for target, value in pairs:
                if (path := _path(value, names)) is not None:
                    names[target.name] = path
        for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
            part = load_locale("en").text
            for key in _path(node, names) or []:
                if not isinstance(part, dict) or key in ("get", "items", "values"):
                    break  # a method of a text or of a part
                assert key in part, f"{file.name}:{node.lineno}: {key}"
                part, named = part[key], named + 1
    assert named > 200


def test_no_template_has_a_macro():
    """Jinja writes what a macro made without `finalize` in a call block, and takes it for plain text elsewhere."""
    for file in templates.TEMPLATES.iterdir():
        tree = jinja2.Environment().parse(file.read_text(encoding="utf-8"))
        assert not list(tree.find_all((nodes.Macro, nodes.CallBlock, nodes.FilterBlock))), file.name
