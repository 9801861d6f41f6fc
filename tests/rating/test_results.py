"""Known votes give known numbers, through `cefr rated`; refusals and their messages; who counts as a reader."""

import json
import re
from pathlib import Path

import made_answers
import made_votes
import pytest
from hand_made_notes import note
from made_answers import WORDS
from rating_results import computed, note_of, rated
from readers_window import begin, downloaded, look, one, press

from cefr_helpers.core import level_records, ratings
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.schema import GATES
from cefr_helpers.rating import items, page, results
from cefr_helpers.rendering import locale

YES = (True, True, True)
FEW_SHOT = "base_three_examples"


@pytest.fixture
def key(workspace):
    """All ten words of the tuned model, the base with examples and the bank: 29 sentences, for one is missing."""
    return page.build(workspace, "B2", "en", 40, 30, 1).key


def says(item) -> tuple[bool, bool, bool]:
    """All of the bank's are good; of the tuned model's the first six; the base's show no meaning, but for the first."""
    place = WORDS.index(item.word)
    return {"gold": YES, "tuned": (place < 6, True, place < 8), FEW_SHOT: (True, place < 1, True)}[item.row]


def chooses(tuned, other) -> str:
    return "other" if other.row == "gold" else "tuned" if WORDS.index(tuned.word) < 7 else "neither"


class TestNumbers:
    @pytest.fixture
    def found(self, workspace, key, tmp_path):
        return computed(workspace, made_votes.write(tmp_path / "a.json", key, says, chooses))

    def test_shares_are_of_words_and_a_missing_sentence_is_a_no(self, found):
        values = {
            row: tuple(getattr(of, name).value for name in ("sense", "meaning", "suits_level", "printable"))
            for row, of in found.systems.items()
        }
        assert values == {FEW_SHOT: (0.9, 0.1, 0.9, 0.1), "tuned": (0.6, 1.0, 0.8, 0.6), "gold": (1.0,) * 4}
        counts = {row: (of.words, of.judgements, of.missing) for row, of in found.systems.items()}
        assert counts == {FEW_SHOT: (10, 9, 1), "tuned": (10, 10, 0), "gold": (10, 10, 0)}

    def test_intervals_are_wilsons_over_words_and_have_a_width_where_all_agree(self, found):
        tuned, gold = (found.systems[row].printable for row in ("tuned", "gold"))
        assert (tuned.low, tuned.high) == pytest.approx((0.3127, 0.8318), abs=1e-4)  # 6 of 10
        assert (gold.low, gold.high) == pytest.approx((0.7225, 1.0), abs=1e-4)

    def test_the_tuned_model_is_set_against_each_other_word_by_word(self, found):
        few_shot, gold = (found.systems[row] for row in (FEW_SHOT, "gold"))
        # printable: tuned words 0 to 5, base word 0
        assert few_shot.difference.estimate == pytest.approx(0.5) and gold.difference.estimate == pytest.approx(-0.4)
        assert few_shot.difference.p == 2 * 0.5**5 and gold.difference.p == 2 * 0.5**4  # all flips of 5 and of 4
        assert few_shot.words_needed == 14 and not found.systems["tuned"].difference

    def test_pairs(self, found):
        few_shot, gold = found.preferences[FEW_SHOT], found.preferences["gold"]
        assert (few_shot.words, few_shot.tuned, few_shot.neither, few_shot.other) == (9, 7, 2, 0)
        assert few_shot.win_rate.value == pytest.approx((7 + 2 / 2) / 9) and few_shot.p == 2 * 0.5**7
        assert (gold.tuned, gold.neither, gold.other, gold.win_rate.value) == (0, 0, 10, 0.0)
        assert gold.p == 2 * 0.5**10 and gold.words_needed == 4

    def test_gates_are_set_against_the_majority_on_sentences_that_models_wrote(self, found, workspace):
        table = items.read_table(workspace, "B2")
        good = {("tuned", word) for word in WORDS[:6]} | {(FEW_SHOT, WORDS[0])}
        rows = [one for one in table.to_dict("records") if one["row"] in ("tuned", FEW_SHOT) and one["sentence"]]
        assert set(GATES) - {"level_ok"} <= found.gates.keys() and "exact_ten" not in found.gates  # no scorer, no level
        for gate, of in found.gates.items():
            passed = {kind: [] for kind in (True, False)}
            for row in rows:
                passed[(row["row"], row["word"]) in good].append(row[gate] == "True")
            assert (of.printable, of.unprintable) == (7, 12)
            assert of.passed == pytest.approx(sum(passed[True]) / 7), gate
            assert of.stopped == pytest.approx(1 - sum(passed[False]) / 12), gate

    def test_a_number_that_tells_good_sentences_from_others_has_the_auc_for_it(self, workspace, key, tmp_path):
        path = workspace.run("B2") / items.FILE
        head, *lines = path.read_bytes().decode().splitlines()
        lines = [f"{line},{'8' if line.split(',')[4] in WORDS[:5] else '3'}" for line in lines]
        path.write_bytes("\r\n".join([f"{head},made_up", *lines, ""]).encode())
        file = made_votes.write(tmp_path / "a.json", key, lambda item: (item.word in WORDS[:5], True, True))
        found = computed(workspace, file)
        assert found.measures["made_up"].auc.value == 1.0
        written = note_of(workspace)
        assert "reached by `made_up`" in written

    def test_one_reader_leaves_agreement_open_and_two_settle_it(self, workspace, key, tmp_path):
        files = [
            made_votes.write(tmp_path / "a.json", key, says),
            made_votes.write(tmp_path / "b.json", key, lambda item: YES, name="B", kind="learner"),
        ]
        assert computed(workspace, files[0]).between_readers == {}
        found = computed(workspace, *files)
        assert found.systems["tuned"].sense.value == pytest.approx(0.8)  # 4 words on which one of two says no
        agreed = found.between_readers["sense"]
        assert agreed.sentences == 29 and agreed.same == pytest.approx(25 / 29) and -1 < agreed.alpha < 0
        assert found.between_readers["printable"].same == pytest.approx(17 / 29)
        assert [reader.kind for reader in found.readers] == ["teacher", "learner"]
        # divided sentences are on no side: what is left is printable, but for nothing
        assert found.gates["valid"].printable == 7 and found.gates["valid"].unprintable == 0


class TestWhoCounts:
    def test_a_language_model_that_read_the_page_counts_where_no_person_has(self, workspace, key, tmp_path):
        file = made_votes.write(tmp_path / "m.json", key, says, name="M", kind="language_model")
        found = computed(workspace, file)
        assert found.counted == ratings.LANGUAGE_MODELS and not found.judges
        assert "Readers: one language model as reader." in note_of(workspace)

    def test_beside_people_it_is_set_apart_and_against_them(self, workspace, key, tmp_path):
        person = made_votes.write(tmp_path / "a.json", key, says)
        model = made_votes.write(tmp_path / "m.json", key, lambda item: YES, name="M", kind="language_model")
        found = computed(workspace, person, model)
        assert found.counted == ratings.PEOPLE and [reader.name for reader in found.readers] == ["A"]
        assert found.systems["tuned"].printable.value == 0.6
        [judge] = found.judges
        assert (judge.sentences, judge.true_positive_rate, judge.true_negative_rate) == (29, 1.0, 0.0)
        assert judge.kappa is None and judge.printable["tuned"].value == 1.0

    def test_a_judge_alone_is_no_reader(self, workspace, key, tmp_path):
        file = made_votes.write(tmp_path / "j.json", key, says, name="big-model", kind="judge")
        found = computed(workspace, file)
        assert found.counted is None and not found.systems and len(found.judges) == 1
        written = note_of(workspace)
        assert "Not rated yet" in written and "not checked against people" in written and "big-model" in written


class TestNotes:
    def test_before_any_votes_the_note_says_what_to_do(self, answered):
        found = level_records.read_level(answered, "B2")
        assert "Not rated yet" in note(found) and "make rate LEVELS=B2" in note(found)
        assert "Henüz oylanmadı" in note(found, "tr")

    @pytest.mark.parametrize(("language", "said"), [("en", "60.0% [31.3, 83.2]"), ("tr", "%60,0 [31,3; 83,2]")])
    def test_headline_section_and_report_hold_the_numbers(self, workspace, key, tmp_path, language, said, capsys):
        workspace.notes().mkdir()
        workspace.final_report().write_text("")
        rated(workspace, made_votes.write(tmp_path / "a.json", key, says, chooses), language=language)
        assert said in capsys.readouterr().out
        written = workspace.note("B2").read_text()
        assert written.count(said) == 4  # first screen, section, and twice in the table: printable and sense
        assert said in workspace.final_report().read_text()
        assert locale.phrases(language)["report"]["unread"] not in workspace.final_report().read_text()
        assert "── ratings.json" in written
        assert "0.6" in (workspace.notes() / "tables" / "readers.csv").read_text()

    def test_answers_that_were_compared_anew_are_said_to_be_others(self, workspace, key, tmp_path):
        computed(workspace, made_votes.write(tmp_path / "a.json", key, says))
        path = workspace.record("B2", "comparison")
        record = json.loads(path.read_text())
        path.write_text(json.dumps(record | {"created": "2030-01-01T00:00:00+00:00"}))
        found = level_records.read_level(workspace, "B2")
        assert "run again since" in note(found)

    def test_a_readers_name_stays_text(self, workspace, key, tmp_path):
        computed(workspace, made_votes.write(tmp_path / "a.json", key, says, name="<b>|x|</b> [a](http://b.c)"))
        written = note_of(workspace)
        assert "<b>" not in written and "](http://b.c)" not in written and "&#60;b&#62;" in written

    def test_readers_who_were_left_out_are_named(self, workspace, key, tmp_path, capsys):
        computed(workspace, made_votes.write(tmp_path / "a.json", key, says, name="Ann"))
        rated(workspace, made_votes.write(tmp_path / "b.json", key, says, name="Bob"))
        assert "earlier votes of Ann were not given, and no longer count" in capsys.readouterr().out
        assert len(list((workspace.run("B2") / "history").glob("ratings-*.json"))) >= 1


class TestRefused:
    def refused(self, workspace: Workspace, *paths: Path) -> str:
        with pytest.raises(InputError) as error:
            results.read(workspace, paths)
        return str(error.value)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda v: v | {"page": "0123456789ab"}, "page: '0123456789ab'; the page of B2 is "),
            (lambda v: v | {"level": "B9"}, "level: 'B9': expected one of A1, A2"),
            (lambda v: v | {"level": "A2"}, "key.json: missing; `make rate LEVELS=A2`"),
            (lambda v: v | {"rater": {"name": "", "kind": "teacher"}}, "rater.name: ''"),
            (lambda v: v | {"rater": {"name": "A", "kind": "boss"}}, "rater.kind: 'boss'"),
            (lambda v: v | {"answers": [v["answers"][0] | {"sense": "yes"}]}, "answers.0.sense: 'yes'"),
            (
                lambda v: v | {"answers": [v["answers"][0] | {"item": "ffff"}]},
                "answers.0.item: 'ffff': the page has none",
            ),
            (lambda v: v | {"answers": [v["answers"][0]] * 2}, "answers.1.item: .* is there twice"),
            (
                lambda v: v | {"choices": [v["choices"][0] | {"chosen": "ffff"}]},
                "choices.0.chosen: 'ffff'; expected one",
            ),
            (lambda v: v | {"answers": [], "choices": []}, "answers: none yet"),
            (lambda v: {k: x for k, x in v.items() if k != "rater"}, "rater: missing"),
            (lambda v: v | {"started": "today"}, "started: 'today'"),
            (lambda v: [v], "expected the file that the page for readers saves"),
        ],
    )
    def test_a_wrong_file_by_place_and_value(self, workspace, key, tmp_path, change, said):
        path = tmp_path / "v.json"
        path.write_text(json.dumps(change(made_votes.votes(key, says))))
        message = self.refused(workspace, path)
        assert re.search(said, message) and (str(path) in message or "key.json" in message), message

    def test_no_file_no_json_and_no_files(self, workspace, key, tmp_path):
        assert "v.json: cannot be read" in self.refused(workspace, tmp_path / "v.json")
        (tmp_path / "v.json").write_text("{")
        assert "v.json: not valid JSON" in self.refused(workspace, tmp_path / "v.json")
        assert "no file" in self.refused(workspace)

    def test_a_reader_twice(self, workspace, key, tmp_path):
        files = [made_votes.write(tmp_path / f"{n}.json", key, says, name=n) for n in ("Ann", "ann")]
        message = self.refused(workspace, *files)
        assert "ann.json: rater.name: 'ann'" in message and "Ann.json is by the same reader" in message

    def test_answers_that_changed_since_the_page_was_made(self, workspace, key, tmp_path):
        file = made_votes.write(tmp_path / "a.json", key, says)
        path = workspace.run("B2") / items.FILE
        path.write_text(path.read_text().replace("It is never too late to cope", "It was never too late to cope"))
        message = self.refused(workspace, file)
        assert "gold, prompt 1, slot 3: 'It was never" in message and "The answers changed" in message

    def test_nothing_is_written_where_one_of_several_is_wrong(self, workspace, key, tmp_path):
        good = made_votes.write(tmp_path / "a.json", key, says)
        self.refused(workspace, good, tmp_path / "none.json")
        assert not workspace.record("B2", "ratings").exists() and not workspace.note("B2").exists()


def test_votes_given_by_keys_in_chromium_give_these_numbers(chromium, workspace, tmp_path):
    built = page.build(workspace, "B2", "en", 16, 6, 1)
    by_sentence = {item.sentence: item for item in built.key.items.values()}
    look(chromium, built.path)
    for name, kind, of_bank in (("A", "teacher", "yyy"), ("B", "learner", "yyn")):
        begin(chromium, name, kind)
        for _ in range(16):
            row = by_sentence[one(chromium, ".sentence").text].row
            press(chromium, *{"gold": of_bank, "tuned": "yny", FEW_SHOT: "nyy"}[row])
        for _ in range(6):
            left, right = (by_sentence[one(chromium, side).text].row for side in ("#left", "#right"))
            other = right if left == "tuned" else left
            better = "tuned" if other == FEW_SHOT else "gold"
            press(chromium, "\ue012" if left == better else "\ue014")  # arrows
        downloaded(chromium, tmp_path / name)
        one(chromium, "#stop").click()
    found = rated(workspace, *(next((tmp_path / name).iterdir()) for name in ("A", "B")))
    shares = {row: [of.sense.value, of.meaning.value, of.suits_level.value] for row, of in found.systems.items()}
    assert shares == {FEW_SHOT: [0.0, 1.0, 1.0], "tuned": [1.0, 0.0, 1.0], "gold": [1.0, 1.0, 0.5]}
    assert {row: of.printable.value for row, of in found.systems.items()} == {FEW_SHOT: 0, "tuned": 0, "gold": 0.5}
    assert {row: of.win_rate.value for row, of in found.preferences.items()} == {FEW_SHOT: 1.0, "gold": 0.0}
    assert {row: of.words for row, of in found.preferences.items()} == {FEW_SHOT: 3, "gold": 3}
    assert found.between_readers["sense"].alpha == 1.0 and found.between_readers["level"].same == 12 / 16


def test_a_reader_who_did_not_finish_counts_as_far_as_it_goes(workspace, key, tmp_path):
    made = made_votes.votes(key, says)
    first = [one for one in made["answers"] if key.items[one["item"]].row == "gold"][:4]
    (tmp_path / "a.json").write_text(json.dumps(made | {"answers": first, "choices": []}))
    found = computed(workspace, tmp_path / "a.json")
    assert list(found.systems) == ["gold"] and found.systems["gold"].words == 4


def test_other_sentences_for_the_same_page_are_another_page(workspace, key):
    made_answers.write(workspace, changed={"tuned": [f"We {word} it." for word in WORDS]})
    changed = page.build(workspace, "B2", "en", 40, 30, 1)
    assert changed.key.page != key.page and changed.earlier.name == key.page


class TestWritten:
    """Sentences from `cefr write`, rated beside the rest."""

    @pytest.fixture
    def table(self, tmp_path) -> Path:
        head = "word,sentence,level\r\n"
        rows = [f"{word},They {word} at once.,B2\r\n{word},Another.,B2\r\n" for word in WORDS[:6]]
        path = tmp_path / "sentences.csv"
        path.write_text(head + "".join(rows) + "other,'=1+1 is a sum.,B2\r\neasy,It is easy.,A1\r\n")
        return path

    def test_is_judged_and_compared_with_the_tuned_model_where_words_are_the_same(self, workspace, table, tmp_path):
        key = page.build(workspace, "B2", "en", 60, 30, 1, table).key
        mine = [item for item in key.items.values() if item.row == items.WRITTEN]
        assert {item.word: item.sentence for item in mine} == {
            **{word: f"They {word} at once." for word in WORDS[:6]},
            "other": "=1+1 is a sum.",
        }
        says_so = lambda item: (item.row == items.WRITTEN, True, True)  # noqa: E731
        found = computed(workspace, made_votes.write(tmp_path / "a.json", key, says_so, lambda tuned, other: "other"))
        of = found.systems[items.WRITTEN]
        assert (of.words, of.printable.value, of.difference.estimate) == (7, 1.0, -1.0)
        assert found.preferences[items.WRITTEN].words == 6 and found.preferences[items.WRITTEN].other == 6
        assert "sentences of `make write` 100.0%" in note_of(workspace)

    def test_what_is_no_such_table_is_refused(self, workspace, table, tmp_path):
        for text, said in (("a,b\n1,2\n", "no column word, sentence"), ("word,sentence,level\na,b,A1\n", "level B2")):
            table.write_text(text)
            with pytest.raises(InputError, match=f"sentences.csv: .*{said}"):
                page.build(workspace, "B2", "en", 60, 30, 1, table)
        with pytest.raises(InputError, match="none.csv: cannot be read"):
            page.build(workspace, "B2", "en", 60, 30, 1, tmp_path / "none.csv")
