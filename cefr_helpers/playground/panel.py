"""The widgets of the playground notebook and the marks on its sentences; `session` has the logic."""

import html
import math
from collections.abc import Iterator
from contextlib import contextmanager

import ipywidgets as widgets
import jinja2

from cefr_helpers.core.errors import InputError, required
from cefr_helpers.core.levels import LEVELS
from cefr_helpers.evaluation import comparison, human_scale, level_scorers
from cefr_helpers.playground import exporting, favourites
from cefr_helpers.playground.session import MOST_WORDS, Playground, PlaygroundAnswer, parse_words
from cefr_helpers.text import grammar
from cefr_helpers.writing import forms

_WIDE = widgets.Layout(width="max-content", min_width="12em")  # as wide as its words
_LABELS = {"description_width": "8em"}
_SHORTEST, _LONGEST = 20, 1000
Mark = tuple[bool, str]
_MARKED = """\
<div style="line-height:1.4">{{ sentence or "–" }}<br><small>
{% for good, text in marks -%}
{% set colour = "var(--jp-success-color1, #2e7d32)" if good else "var(--jp-error-color1, #c62828)" -%}
<span style="color:{{ colour }};margin-right:1em;white-space:normal">{{ "✓" if good else "✗" }} {{ text }}</span>
{% endfor %}
</small></div>"""


class Panel:
    """Controls, answers and favourites; a notebook displays `box`.

    Attributes:
        level, words, count, draw, temperature, max_new_tokens, ask, save, form, with_base, give_out: the controls.
        about: whether the level has an adapter. status: progress, or an error.
        given_out: the result of exporting, beside its button.
        answers: one line per word, below the headings. ticks: (word, sentence, its checkbox).
        asked: the answers shown; None before the first.
    """

    def __init__(self, playground: Playground):
        self.playground = playground
        self.asked: PlaygroundAnswer | None = None
        self.ticks: list[tuple[str, str, widgets.Checkbox]] = []
        self._make_controls()
        self.about, self.status = widgets.HTML(), widgets.HTML()
        self.answers = widgets.GridBox(layout=widgets.Layout(grid_gap="0.6em 1.2em", width="auto"))
        self.raw = widgets.HTML()
        self.save = widgets.Button(description="Save ticked as favourites", disabled=True, layout=_WIDE)
        self.form = widgets.Text(value=forms.DEFAULT, description="Forms", style=_LABELS)
        self.with_base = widgets.Checkbox(description="the base model's sentences too", indent=False, layout=_WIDE)
        self.give_out = widgets.Button(description="Export in forms", disabled=True, layout=_WIDE)
        self.given_out = widgets.HTML()
        self.level.observe(lambda _: self._level_chosen(), names="value")
        self.draw.on_click(lambda _: self._draw())
        self.ask.on_click(lambda _: self._ask())
        self.save.on_click(lambda _: self._save())
        self.give_out.on_click(lambda _: self._give_out())
        drawing = widgets.HBox([self.count, self.draw])
        giving = widgets.HBox([self.form, self.with_base, self.give_out])
        controls = [self.level, self.about, self.words, drawing, self.temperature, self.max_new_tokens, self.ask]
        self.box = widgets.VBox([*controls, self.status, self.answers, self.save, giving, self.given_out, self.raw])
        self._level_chosen()

    def _make_controls(self) -> None:
        self.level = widgets.Dropdown(
            options=list(self.playground.files), value=self.playground.level, description="Level", style=_LABELS
        )
        self.words = widgets.Textarea(
            description="Words",
            placeholder=f"1 to {MOST_WORDS} words or phrases, with commas between",
            style=_LABELS,
            layout=widgets.Layout(width="95%"),
        )
        self.count = widgets.BoundedIntText(
            value=MOST_WORDS, min=1, max=MOST_WORDS, description="Words to draw", style=_LABELS
        )
        self.draw = widgets.Button(description="Draw held-out words", layout=_WIDE)
        self.temperature = widgets.FloatSlider(
            value=0.0, min=0.0, max=1.5, step=0.1, description="Temperature", style=_LABELS, continuous_update=False
        )
        self.max_new_tokens = widgets.IntSlider(
            min=_SHORTEST, max=_LONGEST, description="Longest, tokens", style=_LABELS, continuous_update=False
        )
        self.ask = widgets.Button(description="Write sentences", button_style="primary", layout=_WIDE)

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """Disable the buttons meanwhile, and show errors in the status line."""
        for button in (self.draw, self.ask, self.save, self.give_out):
            button.disabled = True
        try:
            yield
        except InputError as problem:
            self._say(str(problem))
        except KeyboardInterrupt:
            self._say("Interrupted. Nothing is lost; click again to continue.")
        except Exception as error:
            self._say(f"{type(error).__name__}: {error}")
            raise
        finally:
            self.draw.disabled = self.ask.disabled = False
            self.save.disabled = not self.ticks
            self.give_out.disabled = self.asked is None

    def _say(self, text: str) -> None:
        self.status.value = f'<div role="status">{html.escape(text)}</div>' if text else ""

    def _level_chosen(self) -> None:
        with self._busy():
            level = self.level.value
            adapter = self.playground.adapter_name(level)
            told = f"tuned model: {adapter}" if adapter else "no adapter has been trained yet: only the base answers"
            self.about.value = html.escape(f"{level}, {told}")
            longest = self.playground.settings(level)[0].max_new_tokens
            self.max_new_tokens.max = max(_LONGEST, longest)
            self.max_new_tokens.value = longest

    def _draw(self) -> None:
        with self._busy():
            words, origin = self.playground.draw(self.level.value, self.count.value)
            self.words.value = ", ".join(words)
            self._say(f"{len(words)} words {origin}.")

    def _ask(self) -> None:
        with self._busy():
            words = parse_words(self.words.value)
            self.asked = self.playground.ask(
                self.level.value, words, self.temperature.value, self.max_new_tokens.value, self._say
            )
            self._show(self.asked)
            alone = f" Only the base model answered: {self.asked.alone}." if self.asked.alone else ""
            self._say(f"{self.asked.level}, {self.asked.decoding}.{alone}")

    def _show(self, asked: PlaygroundAnswer) -> None:
        self.ticks = []
        rows = asked.slots.to_dict("records")
        columns = {who: [slot for slot in rows if slot["row"] == who] for who in asked.texts}
        children = [widgets.HTML(f"<b>{head}</b>") for head in ("Word", *(who.capitalize() for who in columns))]
        for place, word in enumerate(asked.words):
            children.append(widgets.HTML(f"<b>{html.escape(word)}</b>"))
            children += [self._cell(slots[place], asked) for slots in columns.values()]
        self.answers.layout.grid_template_columns = "minmax(4em, max-content)" + " minmax(0, 1fr)" * len(columns)
        self.answers.children = children
        table = comparison.side_by_side({"words": asked.words, **asked.texts})
        self.raw.value = f"<details><summary>The unprocessed answers</summary>{table}</details>"

    def _cell(self, slot: dict, asked: PlaygroundAnswer) -> widgets.Widget:
        text = widgets.HTML(as_html(slot["sentence"], feedback(slot, asked.scorers)))
        if not slot["covered"]:
            return text
        tick = widgets.Checkbox(description="favourite", indent=False, layout=_WIDE)
        self.ticks.append((slot["word"], slot["sentence"], tick))
        return widgets.VBox([text, tick])

    def _save(self) -> None:
        with self._busy():
            chosen = [(word, sentence) for word, sentence, tick in self.ticks if tick.value]
            if not chosen:
                raise InputError("favourites: none is ticked; tick the sentences to keep first")
            level = required(self.asked).level
            path = self.playground.workspace.favourites(level)
            added = favourites.add(path, level, chosen)
            told = [f"Saved {len(added.saved)} of {len(chosen)} in {path}."]
            told += [f"Refused: “{sentence}” {why}." for _, sentence, why in added.refused]
            self._say(" ".join(told))

    def _give_out(self) -> None:
        """Export the sentences, and show the result or the error beside the button."""
        with self._busy():
            try:
                done = exporting.export(
                    required(self.asked), self.playground.workspace, self.form.value, self.with_base.value
                )
            except InputError as problem:
                told = str(problem)
            else:
                left = f" ({done.left_out} left out: not whole, or without their word)" if done.left_out else ""
                told = f"Sentences exported: {done.taken}{left}, in {', '.join(map(str, done.paths))}."
            self.given_out.value = f'<div role="status">{html.escape(told)}</div>'


def feedback(slot: dict, scorers: level_scorers.LevelScorers | None) -> list[Mark]:
    """Return what is good (True) and bad (False) about one slot.

    Args:
        slot: a row of `summary.measure`.
        scorers: the scorers it was measured with; without them there is no mark for the bank's level.
    """
    if slot["sentence"] is None:
        return [(False, "no sentence")]
    if not slot["valid"]:
        return [(False, "not one whole sentence")]
    found = [(bool(slot["covered"]), f"{'uses' if slot['covered'] else 'does not use'} {slot['word']}")]
    if not math.isnan(slot["human_level"]):
        found.append(
            (bool(slot["human_within_one"]), f"people would label it {human_scale.in_words(slot['human_level'])}")
        )
    if scorers is not None and not math.isnan(slot["level_score"]):
        near = LEVELS[int(scorers.full.nearest([slot["level_score"]])[0]) - 1]
        found.append((bool(slot["level_ok"]), f"by the bank's own levels {near} ({slot['level_score']:.1f})"))
    found += _errors(slot)
    found += [(False, "is one of the training sentences")] if slot["copied"] else []
    found += [(False, "says what another line says")] if slot["repetitive"] else []
    return found


def as_html(sentence: str | None, found: list[Mark]) -> str:
    """Return a sentence with its marks below as HTML, for a light or dark page; symbols repeat the colours' meaning."""
    return jinja2.Template(_MARKED, autoescape=True).render(sentence=sentence, marks=found)


def _errors(slot: dict) -> list[Mark]:
    found = [] if slot["harper_clean"] else grammar.mistakes(slot["sentence"], "BRITISH")
    told = [(False, f"{kind.lower()}: “{words}”. {message}") for kind, words, message in found]
    told += [] if slot["fluent"] else [(False, "words or forms that English hardly puts so")]
    return told or [(True, "no error found")]
