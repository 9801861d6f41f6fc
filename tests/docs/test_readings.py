"""The shares of printable sentences on the pages are those of the readers' votes that are kept beside them."""

import pandas as pd
import pytest
from doc_pages import doc
from scipy import stats

from cefr_helpers.core.paths import project_root
from cefr_helpers.data import banks
from cefr_helpers.evaluation import variety

WRITE, LOG = "sentences_for_your_class.md", "lab_log.md"


def printable(name: str, by: list[str]) -> dict:
    votes = pd.read_csv(doc(f"readings/{name}.csv"), keep_default_na=False)
    assert set(votes["printable"]) == {"yes", "no"}
    return {
        key: percent(share)
        for key, share in (votes["printable"] == "yes").groupby([votes[one] for one in by]).mean().items()
    }


def percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


@pytest.mark.parametrize(("level", "column"), [("A2", 0), ("B1", 1), ("B2", 2)])
def test_of_written_sentences(level, column):
    text = doc(WRITE).read_text()
    of_two = printable("write_two_seeds", ["level", "seed"])
    for label, share in (
        ("of sixty sentences, those that the reader would print", printable("write_test_words", ["level"])[level]),
        ("the same of another training, seed 1", of_two[level, 1]),
        ("and of a third, seed 2", of_two[level, 2]),
        ("**of all three, those that the reader would print**", _of_three_seeds(level)),
    ):
        [line] = [line for line in text.splitlines() if line.startswith(f"| {label} |")]
        cells = [cell.strip(" *") for cell in line.strip("|").split("|")][1:]
        assert cells[column].startswith(share), label


def _three_seeds(level: str) -> pd.DataFrame:
    """Return the votes on sentences that `make write` wrote with three trainings."""
    first, more = (pd.read_csv(doc(f"readings/write_{name}.csv")) for name in ("test_words", "two_seeds"))
    votes = pd.concat([first.assign(seed=3407), more], ignore_index=True)
    return votes[votes["level"] == level].reset_index(drop=True)


def _of_three_seeds(level: str) -> str:
    """Return the share of printable sentences of three seeds with Student's interval over words."""
    votes = _three_seeds(level).assign(yes=lambda rows: (rows["printable"] == "yes").astype(float))
    words = votes.groupby(["seed", "word"])["yes"].mean()
    low, high = (100 * end for end in stats.t.interval(0.95, len(words) - 1, words.mean(), words.sem()))
    return f"{percent(votes['yes'].mean())} [{low:.0f}, {high:.0f}]"


@pytest.mark.parametrize(("level", "column"), [("A2", 0), ("B1", 1), ("B2", 2)])
def test_of_how_varied_they_are(level, column):
    votes = _three_seeds(level)
    bank = banks.read_all(banks.find("bundled", level))[level].sentences
    place = votes.groupby("word").cumcount()
    gold = [bank[word][number % len(bank[word])] for word, number in zip(votes["word"], place, strict=True)]
    slots = {"prompt": votes.groupby("word").ngroup(), "sample": 0, "slot": place, "valid": True, "covered": True}
    written = votes[["word", "sentence"]].assign(**slots)
    of_bank = written.assign(sentence=gold)
    own, other = (
        variety.measure(row, beside, len(votes), 3407) for row, beside in ((written, of_bank), (of_bank, written))
    )
    cells = [str(len(votes))]
    for name in ("first_words", "target_place", "questions", "frames"):
        cells.append(f"{percent(own[name])} ({percent(other[name])})")
    cells.append(f"{own['told_from_bank']:.2f}".lstrip("0"))
    table = doc(WRITE).read_text().partition("How varied they are")[2].partition("Their openings are")[0]
    shown = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|")
    ]
    assert [row[1 + column] for row in shown[2:]] == cells


def test_of_the_base():
    shares, text = printable("write_base", ["model"]), " ".join(doc(WRITE).read_text().split())
    assert f"would print {shares['base']} of the base's and {shares['tuned']} of the tuned model's" in text


def test_of_the_readme():
    shares = {level: _of_three_seeds(level).split(" [")[0] for level in ("A2", "B1", "B2")}
    said = f"would print {shares['A2']} at A2, {shares['B1']} at B1 and {shares['B2']} at B2"
    assert f"{said} (three trainings, with 240 words a level)" in " ".join(
        (project_root() / "README.md").read_text().split()
    )


def test_by_temperature():
    text = doc(LOG).read_text()
    for (temperature, candidates), share in printable("write_temperature", ["temperature", "candidates"]).items():
        assert f"| {temperature:.1f} | {candidates} | {share} |".replace("| 0.", "| .") in text


def test_by_the_penalty_of_the_level():
    text = doc(LOG).read_text()
    for (penalty, candidates), share in printable("write_level_penalty", ["penalty", "candidates"]).items():
        assert f"| {penalty} | {candidates} | {share} |" in text


def test_by_the_ranking():
    shares = printable("write_ranking", ["ranking", "candidates", "level"])
    text = " ".join(doc(LOG).read_text().split())
    for ranking in ("likelihood", "votes"):
        for count in (8, 24):
            cells = " | ".join(shares[ranking, count, level] for level in ("A2", "B1", "B2"))
            assert f"| {ranking} | {count} | {cells} |" in text
    for first, second, said in (
        (("votes", 24), ("likelihood", 8), "votes with 24 candidates bring {} more than likelihood with 8"),
        (("votes", 24), ("votes", 8), "and {} more than votes with 8"),
        (("likelihood", 24), ("likelihood", 8), "Likelihood with 24 brings {} more than with 8"),
    ):
        assert said.format(gain(first, second)) in text.replace(" (Student's interval over words),", "")


def gain(first: tuple, second: tuple) -> str:
    """Return the difference of two rows of write_ranking.csv with Student's interval over words."""
    votes = pd.read_csv(doc("readings/write_ranking.csv"), keep_default_na=False)
    return difference(votes, ["ranking", "candidates"], first, second)


def difference(votes: pd.DataFrame, by: list[str], first, second) -> str:
    """Return the difference in printable shares of two kinds of sentences with Student's interval over words."""
    votes = votes.assign(yes=(votes["printable"] == "yes").astype(float))
    words = votes.groupby([*by, "level", "word"])["yes"].mean().unstack(by)
    apart = words[first] - words[second]
    ends = stats.t.interval(0.95, len(apart) - 1, apart.mean(), apart.sem())
    return f"{_short(apart.mean())} [{', '.join(map(_short, ends))}]"


def _short(number: float) -> str:
    return f"{number + 0:.2f}".replace("0.", ".", 1).replace("-", "−").replace("−.00", ".00")


def test_by_training():
    text = doc(LOG).read_text()
    for training, share in printable("trainings", ["training"]).items():
        [line] = [line for line in text.splitlines() if line.startswith(f"| {training} |")]
        assert line.endswith(f"| {share} |"), training


def test_by_examples_and_words():
    votes = pd.read_csv(doc("readings/training_examples.csv"), keep_default_na=False)
    text, few, many = doc(LOG).read_text(), "150 examples", "150 examples of 168 words"
    again = "150 examples, trained again"
    answers = votes[votes["writing"] == "ten words a prompt"]
    for (sitting, training), rows in answers.groupby(["sitting", "training"]):
        named = "second sitting: " * (sitting == 2 and training == few) + training
        [line] = [line for line in text.splitlines() if line.startswith(f"| {named} |") and line.count("|") == 10]
        assert line.endswith(f"| {percent((rows['printable'] == 'yes').mean())} |"), named
    said = difference(answers[answers["sitting"] == 2], ["training"], many, few)
    assert f"at B2 {said} more printable sentences than 96" in text
    written = votes[votes["writing"] == "make write"].replace({"training": {again: few}})
    apart = [difference(written[written["level"] == level], ["training"], many, few) for level in ("A2", "B1", "B2")]
    assert f"| difference | {' | '.join(apart)} |" in text
    assert f"the difference is {difference(written, ['training'], many, few)}." in text
    shares = (written["printable"] == "yes").groupby([written["training"], written["level"]]).mean().unstack()
    for training, name in ((few, "150 examples of 96 words"), (many, many)):
        cells = " | ".join(map(percent, shares.loc[training]))
        assert f"| {name} | {cells} |" in text


def test_by_the_bank():
    votes = pd.read_csv(doc("readings/larger_bank.csv"), keep_default_na=False).assign(level="B2")
    text, by = " ".join(doc(LOG).read_text().split()), ["writing", "training"]
    shares = printable("larger_bank", by)
    bundled, few, many = "bundled bank, 150 examples", "larger bank, 150 examples", "larger bank, 600 examples"
    for training in (bundled, few, many):
        [line] = [line for line in doc(LOG).read_text().splitlines() if line.startswith(f"| {training}")]
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert (cells[5], cells[7]) == (shares["ten words a prompt", training], shares["make write", training])
    gains = {
        (writing, training): difference(votes[votes["writing"] == writing], ["training"], training, bundled)
        for writing in ("ten words a prompt", "make write")
        for training in (few, many)
    }
    assert f"bring {gains['make write', many]} more printable sentences by `make write`" in text
    assert f"and {gains['ten words a prompt', many]} more in greedy answers" in text
    assert f"bring {gains['make write', few]} and {gains['ten words a prompt', few]}." in text
    page = " ".join(doc("own_bank.md").read_text().split())
    assert f"would print {shares['make write', many]} of the sentences that `make write` chose" in page
    assert f"the bundled bank {shares['make write', bundled]}" in page


BY_NUMBER = {
    "240 words, 150 examples": "240 words, 150 examples (96 words in training)",
    "600 words, 150 examples": "600 words, 150 examples (420 words in training)",
    "600 words, 300 examples": "600 words, 300 examples",
    "600 words, 600 examples": "600 words, 600 examples, B2 only",
}
BY_KIND = {
    "all five sentences": "all five sentences of 420 words",
    "the two likeliest": "the two likeliest",
    "the likeliest": "the likeliest, B2 only",
    "252 words, plain sentences": "252 words, plain sentences, B2 only",
    "252 words plain, 168 as they are": "252 words plain, 168 as they are, B2 only",
}


@pytest.mark.parametrize(("name", "labels", "column"), [("bank_size", BY_NUMBER, 2), ("sentence_kinds", BY_KIND, 1)])
def test_by_number_and_kind_of_sentences(name, labels, column):
    votes = pd.read_csv(doc(f"readings/{name}.csv"), keep_default_na=False)
    yes = (votes["printable"] == "yes").groupby([votes["training"], votes["writing"], votes["level"]]).mean()
    assert set(votes["training"]) == set(labels)
    for training, label in labels.items():
        [line] = [line for line in doc(LOG).read_text().splitlines() if line.startswith(f"| {label} |")]
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        for place, writing in enumerate(("ten words a prompt", "make write")):
            assert cells[column + place] == ", ".join(map(percent, yes[training, writing]))


def test_the_gains_by_number_and_kind_of_sentences():
    text = " ".join(doc(LOG).read_text().split())
    votes = pd.read_csv(doc("readings/bank_size.csv"), keep_default_na=False)
    few, many, more = list(BY_NUMBER)[:3]
    greedy, written = (votes[votes["writing"] == one] for one in ("ten words a prompt", "make write"))
    first, second = ([difference(one, ["training"], new, few) for one in (greedy, written)] for new in (many, more))
    assert f"against 150 of 96: {first[0]} in greedy answers, {first[1]} by `make write`" in text
    assert f"300 examples: {second[0]} and {second[1]} (Student's" in text
    votes = pd.read_csv(doc("readings/sentence_kinds.csv"), keep_default_na=False)
    every, two, _, plain, mixed = BY_KIND
    for training, sitting, said in (
        (two, 1, "bring {} in greedy answers and {} by `make write`. The template"),
        (plain, 2, "bring {} in greedy answers, with fewer words in training, and {} by `make write`"),
        (mixed, 2, "mixed with the others {} and {}."),
    ):
        read = votes[votes["sitting"] == sitting]
        levels = read.loc[read["training"] == training, "level"]
        rows = read[read["level"].isin(set(levels))]
        gains = [
            difference(rows[rows["writing"] == writing], ["training"], training, every)
            for writing in ("ten words a prompt", "make write")
        ]
        assert said.format(*gains) in text


def test_by_self_training():
    votes = pd.read_csv(doc("readings/self_training.csv"), keep_default_na=False)
    by_seed = (votes["printable"] == "yes").groupby([votes[one] for one in ("level", "writing", "training", "seed")])
    shares, lines = by_seed.mean()["B2"], doc(LOG).read_text().splitlines()
    for (writing, training), seeds in shares.groupby(["writing", "training"]):
        name = writing.replace("make write", "`make write`")
        [line] = [line for line in lines if line.startswith(f"| {name}: {training} |")]
        cells = [
            percent(seeds[writing, training, seed]) if seed in seeds[writing, training] else "" for seed in (3407, 1, 2)
        ]
        cells.append(percent(seeds.mean()) if all(cells) else "")
        assert [cell.strip() for cell in line.strip("|").split("|")][1:] == cells
    text, greedy = " ".join(doc(LOG).read_text().split()), votes[votes["writing"] == "ten words a prompt"]
    written = votes[(votes["writing"] == "make write") & (votes["sitting"] > 1)]
    read_with = {"self-training": (3, 4, 5), "bank alone": (1, 2, 3)}  # sittings, each with sentences from before

    def gain(rows: pd.DataFrame, first: str, second: str, sittings: tuple[int, ...]) -> str:
        rows = rows[rows["sitting"].isin(sittings) | ((rows["training"] == "bank alone") & (second != "before"))]
        return difference(rows.assign(level=rows["level"] + rows["seed"].astype(str)), ["training"], first, second)

    for training, other, said in (
        ("self-training", "before", "self-training brings {} more than stopping before it"),
        ("self-training", "bank alone", "and {} more than as many steps with the bank"),
        ("bank alone", "before", "which bring {} more than stopping"),
    ):
        assert said.format(gain(greedy[greedy["level"] == "B2"], training, other, read_with[training])) in text
    assert f"**`make write`**: {gain(written, 'self-training', 'before', (2, 3, 4))}" in text
    for level, sitting in (("A2", 6), ("B1", 7)):
        assert f"at {level} {gain(greedy, 'self-training', 'before', (sitting,))}" in text


def test_by_the_number_of_examples():
    shares, text = printable("write_examples", ["train_examples"]), " ".join(doc(LOG).read_text().split())
    assert f"would print {shares[150]} of the sentences by the reference run's adapter" in text
    assert f"(150 examples) and {shares[60]} by one trained on 60 examples" in text


def test_of_ten_words_a_prompt():
    shares = printable("ten_words_a_prompt", ["decoding"])
    text = " ".join(doc(LOG).read_text().split())
    assert f"of the greedy ones the reader would print {shares['greedy']}, of those sampled" in text
    assert f"sampled at .4 {shares['sampled at .4']}, although" in text
