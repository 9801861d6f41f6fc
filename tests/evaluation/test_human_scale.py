import math
import time
from pathlib import Path

import numpy as np
import pytest

from cefr_helpers.core.schema import Placement
from cefr_helpers.data import banks, sentence_files
from cefr_helpers.evaluation import bank_levels, human_features, human_scale, level_features
from tools import cefr_sp, fit_human_scale, human_scale_pages, human_scale_quality, ordinal_line

CEFR_SP = Path(__file__).parents[3] / "shared" / "data" / "cefr_sp"
needs_labels = pytest.mark.skipif(not CEFR_SP.is_dir(), reason="needs the sentences of CEFR-SP")
EASY, HARD = "I like my dog.", "The unprecedented intervention necessitated a reappraisal of constitutional doctrine."


def features(sentence: str) -> dict[str, float]:
    return dict(zip(human_features.FEATURES, human_features.matrix([sentence])[0].tolist(), strict=True))


def scale(**changes) -> human_scale.HumanScale:
    """A scale made by hand: it uses only the number of words, with four steps at one place."""
    known = {"features": ("words",), "means": (4.0,), "scales": (2.0,), "coefficients": (1.0,), "letter_norm": "l1"}
    known |= {"letter_groups": (0.0,) * 8, "letter_mean": 0.0, "thresholds": (0.0,) * 4}
    return human_scale.HumanScale(**known | {"raw_mean": 3.0, "mean": 3.0, "slope": 1.0} | changes)


def flat(figures: dict) -> dict[str, float]:
    """Nested figures, each under the path to it."""
    found = {}
    for name, value in figures.items():
        value = dict(enumerate(value)) if isinstance(value, list) else value
        inner = {f"{name}/{key}": one for key, one in flat(value).items()} if isinstance(value, dict) else {name: value}
        found |= inner
    return found


# --- features


def test_exact_features_of_a_small_sentence():
    found = features("In Rome the nation admired photosynthesis.")
    assert found["name_rate"] == pytest.approx(1 / 6) and found["known_rate"] == pytest.approx(5 / 6)
    assert (found["known_words"], found["longest_word"], found["most_syllables"]) == (5, 14, 5)
    assert found["preposition_start"] == 1
    assert found["before_verb_share"] == pytest.approx(4 / 6)
    assert found["learned_ending_rate"] == pytest.approx(1 / 3)  # nation; of nation, admired, photosynthesis
    assert human_features.rare_words("In Rome the nation admired photosynthesis.") == ["photosynthesis", "admired"]


def test_features_begin_with_those_of_the_banks_scorer():
    rows = human_features.matrix([EASY, HARD])
    assert (rows[:, : len(level_features.FEATURES)] == level_features.matrix([EASY, HARD])).all()
    assert not human_features.matrix(["?!"]).any()


def test_every_feature_of_the_twin_stays_when_a_sentence_is_said_twice():
    once = "green birds sing songs about rain"
    one, two = features(once + ","), features(f"{once}, " * 2)
    for name in human_features.FREE_FEATURES:
        if name != "before_verb_share":  # a place in the sentence
            assert two[name] == pytest.approx(one[name]), name
    groups = human_features.letter_groups([once, f"{once}, {once}"], 64, "l1").toarray()
    assert groups[0] == pytest.approx(groups[1]) and groups.any()


def test_letter_groups_know_content_words_alone():
    assert human_features.letter_groups(["She was in Paris with 12 of them."], 64, "l2").nnz == 0


# --- scale


def test_a_scale_by_hand():
    found = scale().score(["Four words are here.", "Six words are in this sentence."])
    assert found == pytest.approx([3.0, 1 + 4 / (1 + math.exp(-1))], abs=1e-12)
    wider = scale(slope=2.0).score(["Six words are in this sentence.", "word " * 40])
    assert wider == pytest.approx([min(5, 3 + 2 * (found[1] - 3)), 5.0])
    lettered = scale(letter_groups=(2.0,) * 8, letter_mean=0.5).score(["Four words are here."])
    groups = human_features.letter_groups(["Four words are here."], 8, "l1").sum()
    assert lettered == pytest.approx([1 + 4 / (1 + math.exp(0.5 - 2 * groups))])


def test_what_has_no_english_word_has_no_level():
    found = human_scale.load().score(["?!?", "Привет, мир.", EASY])
    assert np.isnan(found).tolist() == [True, True, False]
    assert human_scale.load().score([]).shape == (0,)
    assert human_scale.in_words(math.nan) == "no level"


def test_levels_in_words():
    assert [human_scale.in_words(score) for score in (1.0, 1.49, 2.5, 3.2, 5.0)] == [
        *("A1 (1.0)", "A1 (1.5)", "B1 (2.5)", "B1 (3.2)", "C1 (5.0)")
    ]


@pytest.mark.parametrize("length_free", [False, True])
def test_what_drives_a_score_adds_up_to_it(length_free):
    for why in human_scale.load(length_free).explain_all([EASY, HARD, "Rain falls and the river rises, as it must."]):
        assert why.average + why.length + why.vocabulary + why.grammar == pytest.approx(why.score)
        assert (why.length == 0) == length_free


def test_what_drives_easy_and_hard_sentences():
    easy, hard = human_scale.load().explain_all([EASY, HARD])
    assert easy.score < 1.6 and hard.score > 4.4
    assert easy.length < -0.5 and easy.vocabulary < -0.5 and not easy.rare_words
    assert hard.vocabulary > 0.5 and "reappraisal" in hard.rare_words
    assert human_scale.load().explain(EASY).score == pytest.approx(easy.score)


def test_only_the_full_scale_follows_length_inside_a_level():
    rows = sentence_files.read("bundled")[::4]
    labels, words = np.array([one.label for one in rows]), np.array([len(one.sentence.split()) for one in rows])
    inside = [labels == label for label in sorted(set(labels))]
    full, free = (human_scale.load(one).score([row.sentence for row in rows]) for one in (False, True))
    full, free = (np.mean([np.corrcoef(scores[one], words[one])[0, 1] for one in inside]) for scores in (full, free))
    assert full > 0.3 and abs(free) < 0.15


def test_each_feature_is_of_one_kind():
    kinds = {name: human_scale.kind(name) for name in human_features.FEATURES}
    assert kinds["words"] == "length" and kinds["mean_zipf"] == "vocabulary" and kinds["passive_rate"] == "grammar"
    assert kinds.keys() > human_features.LENGTH | human_features.VOCABULARY
    assert human_features.LENGTH.isdisjoint(human_features.VOCABULARY)


def test_speed():
    sentences = [one.sentence for one in sentence_files.read("bundled")][::60]
    start = time.process_time()
    for sentence in sentences:
        human_scale.load().explain(sentence)
    assert (time.process_time() - start) / len(sentences) < 0.005


# --- the shipped figures


def test_the_pages_show_the_shipped_figures():
    for page, tables in human_scale_pages.pages().items():
        text = page.read_text(encoding="utf-8")
        assert human_scale_pages.with_tables(text, tables) == text, page


def test_the_shipped_scale_reaches_its_goals():
    both, wiki = (human_scale.shipped()["quality"][part] for part in ("both", "Wiki-Auto"))
    for part in (both, wiki):
        assert part["full"]["r"] >= 0.84 and part["full"]["rmse"] <= 0.55
        assert min(part["full"]["qwk"]) >= part["teachers"]["qwk"] - 0.02
    assert both["length_free"]["r"] >= 0.79
    means = [one["mean"] for one in both["full"]["called"].values()]
    assert len(means) == 5 and all(step > 0.4 for step in np.diff(means))
    assert means[0] < 2 and means[-1] > 4.5


def test_source_and_licence_stand_beside_the_figures():
    found = human_scale.shipped()
    assert "CC BY-SA 3.0" in found["licence"] and "CEFR-SP" in found["source"]["data"]
    notice = (Path(__file__).parents[2] / "NOTICE").read_text(encoding="utf-8")
    assert "human_scale.json" in notice and "CC BY-SA 3.0" in notice


@needs_labels
def test_quality_is_what_the_shipped_scale_has_on_sentences_it_did_not_see():
    scales = {"full": human_scale.load(), "length_free": human_scale.load(length_free=True)}
    found = flat(human_scale_quality.quality(scales, cefr_sp.parts_of(CEFR_SP)))
    assert found == pytest.approx(flat(human_scale.shipped()["quality"]), abs=1e-6)


@needs_labels
def test_no_sentence_of_the_fit_is_in_the_parts_it_is_measured_on():
    train = set(cefr_sp.read(CEFR_SP / cefr_sp.TRAINING).sentences)
    assert all(train.isdisjoint(part.sentences) for part in cefr_sp.parts_of(CEFR_SP).values())


@needs_labels
@pytest.mark.slow
def test_the_fit_comes_out_again():
    train = cefr_sp.read(CEFR_SP / cefr_sp.TRAINING)
    again, shipped = fit_human_scale.fit(train, length_free=True), human_scale.load(length_free=True)
    sentences = [one.sentence for one in sentence_files.read("bundled")][::20]
    assert again.score(sentences) == pytest.approx(shipped.score(sentences), abs=0.02)


# --- the fit


def test_as_written():
    assert cefr_sp.as_written("He 's here , is n't he ?") == "He's here, isn't he?"
    assert cefr_sp.as_written("A square- and - circle ( 12 % ) .") == "A square-and-circle (12%)."


def test_what_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("One .\t1\t2\n\nTwo .\t7\t1\n")
    with pytest.raises(cefr_sp.InputError, match=r"labels.txt, line 3: .*7.*expected sentence, tab, 1 to 6"):
        cefr_sp.read(path)


def test_a_line_finds_the_steps_that_made_the_labels():
    generator = np.random.default_rng(0)
    columns = generator.normal(size=(20_000, 2))
    line = columns @ [1.5, -0.5]
    labels = 1 + (line[:, None, None] + generator.logistic(size=(20_000, 2, 1)) > [-2, -1, 1, 3]).sum(axis=2)
    found = ordinal_line.fit_line(columns, labels, penalty=0.1)
    assert found.weights == pytest.approx([1.5, -0.5], abs=0.06)
    assert found.thresholds == pytest.approx([-2, -1, 1, 3], abs=0.1)


def test_agreement_of_hand_made_scores():
    labels = np.array([[1, 1], [2, 3], [3, 3], [5, 4]])
    found = human_scale_quality.agreement(np.array([1.5, 2.5, 3.0, 4.0]), labels)
    assert found["rmse"] == pytest.approx(math.sqrt((0.25 + 0 + 0 + 0.25) / 4)) and found["bias"] == 0
    assert found["within_one"] == 1 and found["called"].keys() == {"A1", "B1"}
    assert found["called"]["A1"] == {"sentences": 1, "mean": 1.5, "sd": 0.0}
    assert human_scale_quality.between_teachers(labels)["rmse"] == pytest.approx(math.sqrt(0.5))


# --- a bank's own level


def test_a_bank_is_placed_level_by_level():
    made = banks.Bank("hand", {"dog": (EASY, "My dog is big."), "cat": (EASY, "I see a cat.")}, (), 2, 4)
    hard = banks.Bank("hand", {"doctrine": (HARD,)}, (), 1, 1)
    placed = bank_levels.of_banks({"C1": made, "B2": hard})
    assert [(one.level, one.sentences) for one in placed] == [("B2", 1), ("C1", 3)]
    scores = human_scale.load().score([EASY, "My dog is big.", "I see a cat."])
    assert placed[1].mean == pytest.approx(scores.mean()) and placed[1].sd == pytest.approx(scores.std())
    assert placed[1].within_one == 0 and placed[1].furthest[0][1] == scores.min()
    assert placed[1].in_words().startswith("Your C1 sentences read like A1 (1.")
    assert placed[0].within_one == 1 and placed[0].furthest[0][0] == HARD


def test_sentences_that_read_as_they_are_labelled_are_said_to():
    assert "like A1 (1.0), as they are labelled; 100% are within" in bank_levels.place("A1", [EASY]).in_words()


def test_a_large_bank_is_placed_by_a_sample_that_the_seed_draws():
    own = {
        f"word{n}": (f"I like my dog {n} times.", f"The constitutional doctrine {n} was unprecedented.")
        for n in range(9)
    }
    bank = banks.Bank("mine", own, (), 9, 18)
    all_of, again, other, whole = (bank_levels.of_bank("A1", bank, *how) for how in ((3, 6), (3, 6), (4, 6), (3,)))
    assert (all_of.sentences, all_of.of) == (6, 18) and all_of == again != other
    assert "of A1 (6 of the 18 sentences were scored)." in all_of.in_words()
    assert (whole.sentences, whole.of) == (18, 18) and "scored" not in whole.in_words()
    twice = bank_levels.of_bank("A1", banks.Bank("mine", {"like": (EASY,), "dog": (EASY,)}, (), 2, 2), 3)
    assert (twice.sentences, twice.of) == (1, 1)
    assert {sentence for sentence, _ in all_of.furthest} < {one for sentences in own.values() for one in sentences}


def test_a_placement_as_records_have_it():
    found = bank_levels.place("B1", [EASY, HARD, "?!"])
    [easy, hard] = human_scale.load().score([EASY, HARD]).tolist()
    assert (
        Placement.model_validate(found.as_dict()).as_dict()
        == found.as_dict()
        == {
            "reads_like": human_scale.nearest((easy + hard) / 2),
            "sentences": 2,
            "of": 3,
            "mean": (easy + hard) / 2,
            "sd": pytest.approx((hard - easy) / 2),
            "within_one": 0.0,
            "furthest": [{"sentence": EASY, "score": round(easy, 4)}, {"sentence": HARD, "score": round(hard, 4)}],
        }
    )


def test_sentences_without_a_label_are_placed_all_the_same():
    found = bank_levels.place(None, [EASY, EASY, HARD])
    assert found.within_one is None and found.furthest[0][0] == HARD
    assert found.in_words() == f"Your sentences read like {human_scale.in_words(found.mean)}."


def test_where_there_is_no_english_word_nothing_is_placed():
    assert bank_levels.place("B1", ["?!", "Привет, мир."]) is None
    assert bank_levels.by_label([sentence_files.Labelled("Привет, мир.", "A1")]) == []
