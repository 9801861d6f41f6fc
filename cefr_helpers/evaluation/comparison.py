"""Compare base and tuned model with one loaded model: with the adapter switched off it is the base."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cefr_helpers.core.errors import required
from cefr_helpers.core.schema import TrainingRecord
from cefr_helpers.evaluation import intervals
from cefr_helpers.evaluation.baseline_cache import BaselineCache
from cefr_helpers.models import generation, likelihood
from cefr_helpers.models.prompts import prompt_text

if TYPE_CHECKING:
    import pandas

_SIDE_BY_SIDE = """\
<p><b>{{ words | join(", ") }}</b></p>
<table>
<tr>{% for who in answers %}<th>{{ who | capitalize }}</th>{% endfor %}</tr>
<tr>{% for text in answers.values() -%}
<td style="vertical-align:top;text-align:left;white-space:pre-wrap;width:50%">{{ text }}</td>
{%- endfor %}</tr>
</table>"""


@dataclass(frozen=True)
class Scores:
    """Tables of `likelihood.score`, one row per example, in the same order."""

    base: "pandas.DataFrame"
    tuned: "pandas.DataFrame"


def score(model, tokenizer, examples: list[dict], batch_size: int, kept: BaselineCache) -> Scores:
    """Score the examples under base and tuned model.

    Args:
        kept: the cache of the base's results.
    """
    import pandas as pd

    def base() -> list[dict]:
        with model.disable_adapter():
            return likelihood.score(model, tokenizer, examples, batch_size).to_dict("records")

    rows = kept.result("likelihood", examples, {"batch_size": batch_size}, base)
    return Scores(pd.DataFrame(rows), likelihood.score(model, tokenizer, examples, batch_size))


def summarise(scores: Scores, part: str, seed: int) -> dict:
    """Return loss, perplexity and bits per character of both models, both reductions in per cent, and the difference.

    Args:
        part: "completion" or "full_text".
    """
    base, tuned = (likelihood.summarise(table, part) for table in (scores.base, scores.tuned))
    return {
        "base": base,
        "tuned": tuned,
        "loss_reduction_pct": 100 * (1 - tuned["loss"] / base["loss"]),
        "perplexity_reduction_pct": 100 * (1 - tuned["perplexity"] / base["perplexity"]),
        "difference": intervals.paired_difference(
            scores.base[f"{part}_nll_nats"],
            scores.tuned[f"{part}_nll_nats"],
            scores.base[f"{part}_tokens"],
            seed,
        ),
    }


def memorisation_gap(seen: Scores, held_out: Scores, seed: int, part: str = "completion") -> dict:
    """Return how much more tuning helps on examples of training words than on held-out ones: memory, not skill.

    Args:
        seen: scores of training examples.
        held_out: scores of the test examples.

    Returns:
        `examples`, the number of training examples scored, their `base` and `tuned` loss, and the difference of the two
        gains (base - tuned) in nats per token with its 95 % interval, see `intervals.difference_of_gains`.
    """
    first, second = (
        (one.base[f"{part}_nll_nats"], one.tuned[f"{part}_nll_nats"], one.base[f"{part}_tokens"])
        for one in (seen, held_out)
    )
    losses = {who: likelihood.summarise(getattr(seen, who), part)["loss"] for who in ("base", "tuned")}
    return {"examples": len(seen.base), **losses, **intervals.difference_of_gains(first, second, seed)}


def answers(model, tokenizer, examples: list[dict], max_new_tokens: int, kept: BaselineCache) -> list[dict]:
    """Return greedy base and tuned answers to the same prompts, with the bank's own sentences; `kept` as in `score`."""

    def of_base() -> list[str]:
        with model.disable_adapter():
            return generation.answer(model, tokenizer, examples, max_new_tokens)

    base = kept.result("answers", examples, {"max_new_tokens": max_new_tokens}, of_base)
    tuned = generation.answer(model, tokenizer, examples, max_new_tokens)
    return [
        {
            "words": example["words"],
            "prompt": prompt_text(example),
            "reference": example["output"],
            "base": before,
            "tuned": after,
        }
        for example, before, after in zip(examples, base, tuned, strict=True)
    ]


def agreement(model, tokenizer, development: list[dict], batch_size: int, training: TrainingRecord) -> dict:
    """Return the tuned loss and the trainer's eval loss of the same adapter: the same quantity, so they must agree.

    Args:
        development: the examples that the trainer evaluated on; the model has its adapter on.
    """
    self_trained = training.results.self_training.eval_loss  # its last weights are the adapter
    best = required(training.results.best.eval_loss if self_trained is None else self_trained)
    tuned = likelihood.summarise(likelihood.score(model, tokenizer, development, batch_size))
    return {
        "training_best_eval_loss": best,
        "comparison_tuned_loss": tuned["loss"],
        "comparison_bits_per_character": tuned["bits_per_character"],
        "relative_difference": abs(tuned["loss"] - best) / best,
    }


def side_by_side(answer: dict) -> str:
    """Return one of `answers` as an HTML table: the words, then base and tuned answer side by side, unchanged.

    For an answer without "tuned", the table has only the base's.
    """
    import jinja2

    answers = {who: answer[who] for who in ("base", "tuned") if who in answer}
    return jinja2.Template(_SIDE_BY_SIDE, autoescape=True).render(words=answer["words"], answers=answers)
