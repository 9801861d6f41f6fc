"""The shares of printable sentences on the pages are those of the readers' votes that are kept beside them."""

import pandas as pd
import pytest
from doc_pages import doc

WRITE, LOG = "sentences_for_your_class.md", "lab_log.md"


def printable(name: str, by: list[str]) -> dict:
    votes = pd.read_csv(doc(f"readings/{name}.csv"), keep_default_na=False)
    assert set(votes["printable"]) == {"yes", "no"}
    return {
        key: f"{share:.0%}".replace("%", " %")
        for key, share in (votes["printable"] == "yes").groupby([votes[one] for one in by]).mean().items()
    }


@pytest.mark.parametrize(("level", "column"), [("A2", 0), ("B1", 1), ("B2", 2)])
def test_of_written_sentences(level, column):
    [line] = [line for line in doc(WRITE).read_text().splitlines() if "those that the reader would print**" in line]
    cells = [cell.strip(" *") for cell in line.strip("|").split("|")][1:]
    assert cells[column].startswith(printable("write_test_words", ["level"])[level] + " [")


def test_by_temperature():
    text = doc(LOG).read_text()
    for (temperature, candidates), share in printable("write_temperature", ["temperature", "candidates"]).items():
        assert f"| {temperature:.1f} | {candidates} | {share} |".replace("| 0.", "| .") in text


def test_by_the_penalty_of_the_level():
    text = doc(LOG).read_text()
    for (penalty, candidates), share in printable("write_level_penalty", ["penalty", "candidates"]).items():
        assert f"| {penalty} | {candidates} | {share} |" in text


def test_by_the_number_of_examples():
    shares, text = printable("write_examples", ["train_examples"]), " ".join(doc(LOG).read_text().split())
    assert f"would print {shares[150]} of the sentences by the reference run's adapter" in text
    assert f"(150 examples) and {shares[60]} by one trained on 60 examples" in text


def test_of_ten_words_a_prompt():
    shares = printable("ten_words_a_prompt", ["decoding"])
    text = " ".join(doc(LOG).read_text().split())
    assert f"of the greedy ones the reader would print {shares['greedy']}, of those sampled" in text
    assert f"sampled at .4 {shares['sampled at .4']}, although" in text
