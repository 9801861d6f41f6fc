"""Decisions on written sentences through `cefr rated`: known numbers, apart from readers' votes, and refusals."""

import json

import made_decisions
import made_votes
import pytest
from rating_results import computed, note_of, rated

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.rating import page, results

ROWS = [
    ("dog", "The dog sleeps.", "accept"),
    ("dog", "My dog barks.", "accept"),
    ("dog", "A dog is a dog.", "sense"),
    ("dog", "One dog ran.", "swap"),
    ("cat", "The cat ran.", "accept"),
    ("cow", "Cows are cows.", "meaning"),
    ("hen", "Hens lay eggs.", "edit"),
]


def test_decisions_alone_say_what_was_taken_as_it_was_and_leave_the_level_unrated(tmp_path, capsys):
    workspace = Workspace(tmp_path / "out", tmp_path)  # the level was never run
    found = rated(workspace, made_decisions.write(tmp_path / "d.json", ROWS))
    assert (found.systems, found.readers, found.preferences, found.counted, found.page) == ({}, [], {}, None, None)
    [one] = found.decisions
    assert one.unchanged.value == pytest.approx((2 / 4 + 1 + 0 + 0) / 4)  # words count the same
    assert 0 < one.unchanged.low < 0.375 < one.unchanged.high < 1
    assert (one.words, one.decided, one.undecided) == (4, 7, 3)
    assert (one.accepted, one.swapped, one.edited, one.rejected) == (3, 1, 1, 2)
    assert one.rejected_for == {"sense": 1, "meaning": 1} and (one.seconds, one.model) == (2.0, "B2_model")
    told = capsys.readouterr().out
    assert "Not rated yet" in told and "**not blind**" in told and "animals: 37.5%" in told


@pytest.mark.parametrize(
    ("language", "blind", "share"),
    [("en", "not blind", "animals: 37.5% ["), ("tr", "kör olmadan", "animals: olduğu gibi alınanların oranı %37,5 [")],
)
def test_beside_votes_they_change_none_of_their_figures_and_are_told_apart(workspace, tmp_path, language, blind, share):
    key = page.build(workspace, "B2", "en", 40, 30, 1).key
    voted = made_votes.write(tmp_path / "a.json", key, lambda item: (item.row == "gold", True, True))
    decided = made_decisions.write(tmp_path / "d.json", ROWS)
    alone = computed(workspace, voted)
    both = computed(workspace, voted, decided)
    assert both.decisions and both.model_copy(update={"decisions": []}) == alone and alone.systems
    written = note_of(workspace, language)
    assert written.count(share) == 2 and written.count(blind) == 3  # first screen, section's first line and text
    [line] = [line for line in written.splitlines() if line.startswith("| animals | B2")]
    assert line.endswith(
        "| 1 | 1 | 2 (sense 1, meaning of the word 1) |" if language == "en" else "kelimenin anlamı 1) |"
    )


def test_a_lists_name_stays_text(workspace, tmp_path):
    computed(workspace, made_decisions.write(tmp_path / "d.json", ROWS, name="<b>|x|</b> [a](http://b.c)"))
    written = note_of(workspace)
    assert "<b>" not in written and "](http://b.c)" not in written and "&#60;b&#62;" in written


def test_decisions_that_are_not_given_again_are_named(tmp_path, capsys):
    workspace = Workspace(tmp_path / "out", tmp_path)
    computed(workspace, made_decisions.write(tmp_path / "d.json", ROWS))
    rated(workspace, made_decisions.write(tmp_path / "e.json", ROWS, name="plants", page="p2"))
    assert "earlier votes of who decided on animals were not given" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d | {"votes": {}}, "votes.schema: missing"),
        (lambda d: d | {"key": d["key"] | {"items": 3}}, "key.items: 3"),
        (lambda d: d | {"votes": d["votes"] | {"level": "A1"}}, "votes.level: 'A1'; expected 'B2'"),
        (lambda d: d | {"decisions": []}, "decisions: none yet"),
        (lambda d: d | {"decisions": d["decisions"][1:]}, "votes.answers: 1 about no decision"),
        (
            lambda d: d | {"decisions": [d["decisions"][2] | {"action": "accept"}]},
            "decisions.0.action: 'accept'; the votes in the file say something else about 'A dog is a dog.'",
        ),
        (lambda d: d | {"decisions": [d["decisions"][0] | {"action": "keep"}]}, "decisions.0.action: 'keep'"),
    ],
)
def test_a_wrong_file_is_refused_by_place_and_value(tmp_path, change, said):
    path = tmp_path / "d.json"
    path.write_text(json.dumps(change(made_decisions.decisions(ROWS))))
    with pytest.raises(InputError) as error:
        results.read(Workspace(tmp_path, tmp_path), [path])
    assert said in str(error.value) and str(path) in str(error.value)


def test_two_files_about_the_same_sentences_are_refused(tmp_path):
    files = [made_decisions.write(tmp_path / f"{name}.json", ROWS) for name in "de"]
    with pytest.raises(InputError, match=r"e\.json: votes\.page: 'p1': .*d\.json is about the same sentences"):
        results.read(Workspace(tmp_path, tmp_path), files)
