"""Agreement between readers, and of gates and measures with them, with values computed by hand."""

import numpy as np
import pytest

from cefr_helpers.rating import agreement


def answers(text: str) -> dict[str, bool]:
    return {str(place): mark == "y" for place, mark in enumerate(text) if mark != " "}


class TestBetweenReaders:
    def test_alpha_of_two_readers(self):
        # disagree on 1 of 4: observed 2 / 8; expected of 3 n and 5 y among 8: 30 / 56
        found = agreement.between_readers([answers("ynyy"), answers("ynny")])
        assert found.alpha == pytest.approx(1 - (2 / 8) / (30 / 56)) and found.same == 0.75 and found.sentences == 4

    def test_sentences_that_one_alone_has_read_do_not_count(self):
        found = agreement.between_readers([answers("yn y"), answers("yny ")])
        assert (found.sentences, found.alpha, found.same) == (2, 1.0, 1.0)

    def test_where_all_say_the_same_there_is_no_alpha(self):
        found = agreement.between_readers([answers("yyy"), answers("yyy")])
        assert found.alpha is None and found.same == 1

    def test_one_reader_or_none_in_common_is_none(self):
        assert agreement.between_readers([answers("yn")]) is None
        assert agreement.between_readers([answers("y "), answers(" n")]) is None


class TestOfGate:
    def test_shares_and_kappa(self):
        passed = [True, True, True, False, True, False]
        printable = [True, True, True, True, False, False]
        found = agreement.of_gate(passed, printable)
        assert (found.printable, found.unprintable, found.passed, found.stopped) == (4, 2, 0.75, 0.5)
        # observed 4 / 6, by chance (4 * 4 + 2 * 2) / 36
        assert found.kappa == pytest.approx((4 / 6 - 20 / 36) / (1 - 20 / 36))

    def test_a_gate_that_never_stops_has_no_kappa(self):
        found = agreement.of_gate([True, True], [True, False])
        assert found.kappa is None and found.stopped == 0

    def test_without_unprintable_sentences_nothing_is_said_of_them(self):
        assert agreement.of_gate([True, False], [True, True]).stopped is None


class TestOfMeasure:
    @pytest.mark.parametrize(
        ("values", "printable", "expected"),
        [
            ([1, 2, 3, 4], "nnyy", 1),
            ([4, 3, 2, 1], "nnyy", 0),
            ([1, 1, 1, 1], "nyny", 0.5),
            ([1, 3, 2, 4], "nnyy", 0.75),
        ],
    )
    def test_auc(self, values, printable, expected):
        marks = np.array([mark == "y" for mark in printable])
        assert agreement.auc(np.array(values, float), marks, np.zeros(4)) == expected

    def test_the_interval_holds_the_estimate_and_is_wider_where_sentences_share_words(self):
        rng = np.random.default_rng(0)
        printable = np.repeat(rng.random(40) < 0.5, 3)
        values = printable + np.repeat(rng.normal(0, 1.5, 40), 3)
        alone = agreement.of_measure(values, printable, range(120), [0] * 120).auc
        shared = agreement.of_measure(values, printable, np.repeat(np.arange(40), 3), [0] * 120).auc
        assert alone.value == shared.value and shared.low < alone.low < alone.value < alone.high < shared.high

    def test_too_few_of_a_kind_have_no_auc(self):
        found = agreement.of_measure([1, 2, 3, 4, 5, 6, 7], [True] * 3 + [False] * 4, "abcdefg", "aaaaaaa")
        assert (found.printable, found.unprintable) == (3, 4) and found.auc.value is None

    def test_a_number_that_only_tells_systems_apart_says_nothing(self):
        values = np.repeat([1.0, 9.0], 10)
        printable = np.array(([True] + [False] * 4) * 2 + ([True] * 4 + [False]) * 2)
        systems = np.repeat(["bad", "good"], 10)
        assert agreement.auc(values, printable, np.zeros(20)) == pytest.approx(0.8)
        assert agreement.of_measure(values, printable, range(20), systems).auc.value == 0.5

    def test_systems_that_are_all_good_or_all_bad_leave_nothing_to_compare(self):
        found = agreement.of_measure(range(12), [True] * 6 + [False] * 6, range(12), "aaaaaabbbbbb")
        assert found.auc.value is None and found.printable == 6
