import hand_made_records
import numpy as np
import pytest

from cefr_helpers.evaluation import comparison, intervals
from cefr_helpers.evaluation.comparison import Scores


def test_a_constant_difference_has_a_narrow_interval_at_it():
    tokens = np.array([100, 200, 150, 120, 90])
    base = 3.0 * tokens
    found = intervals.paired_difference(base, base - 0.5 * tokens, tokens, seed=1)
    assert found["estimate"] == pytest.approx(-0.5)
    assert (found["low"], found["high"]) == (pytest.approx(-0.5), pytest.approx(-0.5))


def test_so_few_examples_that_an_interval_would_mislead_get_none():
    tokens = np.array([100, 200, 150, 120])
    found = intervals.paired_difference(3.0 * tokens, 2.5 * tokens, tokens, seed=1)
    assert (found["estimate"], found["low"], found["high"]) == (pytest.approx(-0.5), None, None)


def test_the_interval_of_noise_includes_zero_and_that_of_an_effect_does_not():
    rng = np.random.default_rng(3)
    tokens = rng.integers(100, 300, 40)
    base = 3.0 * tokens + rng.normal(0, 30, 40)
    noise = intervals.paired_difference(base, base + rng.normal(0, 20, 40), tokens, seed=1)
    effect = intervals.paired_difference(base, base - 0.3 * tokens + rng.normal(0, 20, 40), tokens, seed=1)
    assert noise["low"] < 0 < noise["high"]
    assert effect["high"] < 0 and effect["low"] < effect["estimate"] < effect["high"]
    again = intervals.paired_difference(base, base - 0.3 * tokens, tokens, seed=1)
    assert again == intervals.paired_difference(base, base - 0.3 * tokens, tokens, seed=1)


def test_summary_of_hand_made_scores():
    import pandas as pd

    def table(nats):
        rows = {"completion_nll_nats": nats, "completion_tokens": [10, 30], "completion_characters": [40, 160]}
        return pd.DataFrame(rows)

    found = comparison.summarise(Scores(table([20.0, 60.0]), table([10.0, 30.0])), "completion", seed=1)
    assert found["base"]["loss"] == 2.0 and found["tuned"]["loss"] == 1.0
    assert found["loss_reduction_pct"] == 50.0
    assert found["perplexity_reduction_pct"] == pytest.approx(100 * (1 - np.exp(-1)))
    assert found["base"]["bits_per_character"] == pytest.approx(80 / np.log(2) / 200)
    assert found["difference"]["estimate"] == -1.0


def test_answers_are_shown_as_text_and_not_as_markup():
    answer = {"words": ["<b>"], "base": "<script>x</script>", "tuned": "1. A & B."}
    shown = comparison.side_by_side(answer)
    assert "<script>" not in shown and "&lt;script&gt;" in shown and "A &amp; B." in shown


def test_the_agreement_is_that_of_the_development_examples(tiny_folder, bundled, examples):
    from transformers import AutoModelForCausalLM

    from cefr_helpers.models import base_model, likelihood

    model, tokenizer = AutoModelForCausalLM.from_pretrained(tiny_folder).eval(), base_model.load_tokenizer(bundled)
    development = examples[6:]
    loss = likelihood.summarise(likelihood.score(model, tokenizer, development, 4))["loss"]
    assert loss != pytest.approx(
        likelihood.summarise(likelihood.score(model, tokenizer, examples[:6], 4))["loss"], abs=1e-4
    )
    record = hand_made_records.training()
    hand_made_records.change(record.results.best, step=45, epoch=1.5, eval_loss=loss)
    found = comparison.agreement(model, tokenizer, development, 2, record)
    assert found["comparison_tuned_loss"] == pytest.approx(loss, abs=1e-4) and found["relative_difference"] < 1e-5
    assert found["training_best_eval_loss"] == loss and found["comparison_bits_per_character"] > 0
    hand_made_records.change(record.results.best, step=45, epoch=1.5, eval_loss=loss / 2)
    other = comparison.agreement(model, tokenizer, development, 2, record)
    assert other["relative_difference"] == pytest.approx(1, abs=1e-3)
