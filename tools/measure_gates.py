"""Measure how many right sentences each gate stops and how many wrong ones it passes: python -m tools.measure_gates.

Half of the words of the bundled bank are held out. The limits of `fluency` are fitted to right sentences of the others
(`--fit`). The figures in docs/evaluation.md are measured on the held-out ones, on learners' questions and short
sentences (learners_sentences.txt), and on a model's answers that a reader called printable, if their folder is given.
"""

import argparse
import json
import random
from pathlib import Path

import numpy as np
import pandas as pd

from cefr_helpers.core import files
from cefr_helpers.core.errors import required
from cefr_helpers.core.levels import LEVELS, number
from cefr_helpers.core.paths import project_root
from cefr_helpers.data import banks, formatting, splitting
from cefr_helpers.evaluation import fluency, level_scorers, metrics, summary
from cefr_helpers.rendering.tables import trusted_markdown_table
from cefr_helpers.text import grammar
from tools import made_mistakes, marked_parts

SEED = 1
LEARNERS = Path(__file__).with_name("learners_sentences.txt")
PAGE = project_root() / "docs" / "evaluation.md"
START, END = "<!-- made by tools/measure_gates.py: {} -->", "<!-- end of {} -->"
# The share of right sentences of training words that each limit stops. It is the looser of two settings tried, because
# the first, (.012, .008, .004), stopped a tenth of the right sentences of C1.
STOPPED = {"association": 0.006, "local": 0.002, "form": 0.002}
SLOPE_AT = 0.05
FITTED_TO = 100  # sentences per level
PROMPTS = 10  # per level, of ten right sentences each
WITH_MISTAKES = 20  # maximum of sentences per level and kind
MISTAKES = (*made_mistakes.KINDS, "shuffled words")
GATES = ("harper_clean", "fluent", "grammar_clean", "level_ok", "not_copied", "not_repetitive")


def held_out_half() -> tuple[dict[str, banks.Bank], splitting.Split]:
    """Return the bundled banks, and the split that holds half of their words out."""
    all_banks = banks.read_all(banks.find("bundled", LEVELS[0]))
    return all_banks, splitting.split_groups(all_banks, "words", 0.5, 0.1, SEED)


def fit(all_banks: dict[str, banks.Bank], split: splitting.Split) -> dict[str, list[float]]:
    """Return statistic -> intercept and slope of its limit.

    The slope is that of the line below which a twentieth of the sentences are (quantile regression, Koenker and Bassett
    1978). The line is then moved down to stop the share in STOPPED; a slope at that share would rest on few sentences.
    """
    from sklearn.linear_model import QuantileRegressor

    rng = random.Random(SEED)
    sentences = [one for level in LEVELS for one in rng.sample(_sentences(all_banks, split, level, "train"), FITTED_TO)]
    measured = fluency.measure(sentences)
    lengths = [fluency.length_terms(sentence) for sentence in sentences]
    limits = {}
    for name, share in STOPPED.items():
        line, length = QuantileRegressor(quantile=SLOPE_AT, alpha=0.0), np.array([[one[name]] for one in lengths])
        values = np.array([getattr(one, name) for one in measured])
        slope = float(line.fit(length, values).coef_[0])
        limits[name] = [round(float(np.quantile(values - slope * length[:, 0], share)), 3), round(slope, 3)]
    return limits


def right_sentences(all_banks: dict[str, banks.Bank], split: splitting.Split, labels: Path | None) -> pd.DataFrame:
    """Return a row per set: its number of sentences, and the share that passes each gate; None if not measured."""
    rows = level_scorers.sentences_of(all_banks, split)
    scorers = required(level_scorers.train(rows, SEED, with_quality=False))
    found = {}
    for level in LEVELS:
        examples = list(formatting.draw_examples(all_banks[level], split, level, "eval", PROMPTS, SEED))
        texts = {"gold": [one["output"] for one in examples]}
        slots = summary.measure(texts, [one["words"] for one in examples], level, scorers, rows.sentences)
        found[f"bank, {level}"] = _shares(slots, [*GATES, "joint_success"])
    learners = LEARNERS.read_text(encoding="utf-8").splitlines()
    found["learners' questions and short sentences"] = _shares(_grammar(learners), GATES[:3])
    for level, path in [(level, labels / f"{level}.csv") for level in ("A2", "B1")] if labels else ():
        answers = pd.read_csv(path).query("label == 'a'")
        sentences, words = list(answers["sentence"]), list(answers["word"])
        scores, _ = level_scorers.scores(scorers, sentences, words, [True] * len(words))
        table = _grammar(sentences).assign(level_ok=metrics.level_fits(scores, number(level)))
        found[f"model's printable answers, {level}"] = _shares(table, GATES[:4])
    return pd.DataFrame(found).T


def made(all_banks: dict[str, banks.Bank], split: splitting.Split) -> pd.DataFrame:
    """Return a row per sentence with a mistake: `kind`, `level` and whether Harper, `fluency` and both let it pass."""
    rng = random.Random(SEED)
    found = []
    for level in LEVELS:
        sentences = _sentences(all_banks, split, level, "eval")
        for kind in MISTAKES:
            rng.shuffle(sentences)
            wrong = (made_mistakes.made(sentence, kind, rng) for sentence in sentences)
            some = [one for _, one in zip(range(WITH_MISTAKES), filter(None, wrong), strict=False)]
            found += [(level, kind, one) for one in some]
    table = pd.DataFrame(found, columns=["level", "kind", "sentence"])
    return table.join(_grammar(list(table["sentence"])))


def tables(measured: dict) -> dict[str, str]:
    """Return name of a part of the page -> the table."""
    heads = ["right sentences that pass", "n", "Harper", "fluency", "grammar clean", "level ±1", "not copied"]
    heads += ["not repeated", "all"]
    right = [
        [name, str(row["n"]), *(_percent(row.get(gate)) for gate in (*GATES, "joint_success"))]
        for name, row in measured["right"].items()
    ]
    mistakes = [
        [kind, str(row["n"]), *(_percent(row[column]) for column in ("harper", "fluency", "both", *LEVELS))]
        for kind, row in measured["mistakes"].items()
    ]
    stopped = ["made mistakes that are stopped", "n", "by Harper", "by fluency", "by both", *LEVELS]
    return {
        "right": trusted_markdown_table(heads, right, numbers_from=1),
        "mistakes": trusted_markdown_table(stopped, mistakes, numbers_from=1),
    }


def _quality(right: pd.DataFrame, wrong: pd.DataFrame) -> dict:
    kinds = {}
    for kind in (*MISTAKES, "all but shuffled words"):
        some = wrong[wrong["kind"] == kind] if kind in MISTAKES else wrong[wrong["kind"] != MISTAKES[-1]]
        shares = {name: 1 - some[gate].mean() for name, gate in zip(("harper", "fluency", "both"), GATES, strict=False)}
        levels = {level: 1 - some.loc[some["level"] == level, "grammar_clean"].mean() for level in LEVELS}
        kinds[kind] = {"n": len(some)} | {name: round(float(share), 3) for name, share in (shares | levels).items()}
    shown = {
        name: {key: int(value) if key == "n" else round(float(value), 3) for key, value in row.dropna().items()}
        for name, row in right.iterrows()
    }
    return {"right": shown, "mistakes": kinds}


def _grammar(sentences: list[str]) -> pd.DataFrame:
    harper, fluent = np.array(grammar.clean(sentences)), np.array(fluency.fluent(sentences))
    return pd.DataFrame({"harper_clean": harper, "fluent": fluent, "grammar_clean": harper & fluent})


def _shares(table: pd.DataFrame, gates: list[str] | tuple[str, ...]) -> dict[str, float]:
    return {"n": len(table)} | {gate: float(table[gate].mean()) for gate in gates}


def _sentences(all_banks: dict[str, banks.Bank], split: splitting.Split, level: str, part: str) -> list[str]:
    return [sentence for word in split.words(level, part) for sentence in all_banks[level].sentences[word]]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", action="store_true", help="first fit the limits of fluency again")
    parser.add_argument(
        "--labels", type=Path, help="a folder with A2.csv and B1.csv of answers and labels, a: printable"
    )
    arguments = parser.parse_args()
    all_banks, split = held_out_half()
    content = json.loads(fluency.FILE.read_text(encoding="utf-8")) if fluency.FILE.is_file() else {}
    if arguments.fit or "limits" not in content:
        content["limits"] = fit(all_banks, split)
        _write(content)
    content["quality"] = _quality(right_sentences(all_banks, split, arguments.labels), made(all_banks, split))
    _write(content)
    text = PAGE.read_text(encoding="utf-8")
    for name, table in tables(content["quality"]).items():
        text = marked_parts.replace(text, START.format(name), END.format(name), table)
    print(files.write_atomically(PAGE, text))


def _write(content: dict) -> None:
    files.write_atomically(fluency.FILE, json.dumps(content, indent=1) + "\n")
    fluency.limits.cache_clear()


if __name__ == "__main__":
    main()
