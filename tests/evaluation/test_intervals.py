import math

import numpy as np
import pytest
from scipy import stats

from cefr_helpers.core.errors import InputError
from cefr_helpers.evaluation import intervals
from tools import simulate_intervals

PROMPTS, SLOTS, DATA_SETS = 20, 10, 1000
CLUSTERS = np.repeat(np.arange(PROMPTS), SLOTS)


def made_slots(rng, rate: float) -> np.ndarray:
    """Passed or failed slots of 20 prompts, the prompts differing in difficulty (intraclass correlation .15)."""
    spread = 1 / 0.15 - 1
    return (rng.random((PROMPTS, SLOTS)) < rng.beta(rate * spread, (1 - rate) * spread, (PROMPTS, 1))).ravel()


def made_errors(rng) -> np.ndarray:
    """Squared errors: skewed, correlated inside a prompt; their mean is 1.5."""
    return (rng.gamma(1, 0.5, (PROMPTS, 1)) + rng.gamma(0.5, 2, (PROMPTS, SLOTS))).ravel()


@pytest.mark.parametrize(
    ("make", "truth"),
    [
        (lambda rng: made_slots(rng, 0.5), 0.5),
        (lambda rng: made_slots(rng, 0.9), 0.9),
        (made_errors, 1.5),
        (lambda rng: made_slots(rng, 0.7) - 1.0 * made_slots(rng, 0.5), 0.2),
    ],
    ids=["rate of .5", "rate of .9", "squared error", "difference of rates"],
)
def test_the_interval_covers_the_truth_in_95_of_100_data_sets(make, truth):
    rng = np.random.default_rng(5)
    inside = 0
    for seed in range(DATA_SETS):
        found = intervals.cluster_bootstrap(make(rng), CLUSTERS, seed, resamples=1000)
        inside += found["low"] <= truth <= found["high"]
    assert 0.93 <= inside / DATA_SETS <= 0.97


def test_the_interval_of_a_rate_is_wilsons_on_the_effective_number_of_slots():
    # one slot a prompt: nothing is alike, so the design effect is 1; t has 9 + 5 degrees of freedom
    found = intervals.rate_interval([1, 1, 1, 0, 1, 0, 1, 1, 1, 0], list(range(10)))
    z2 = stats.t.ppf(0.975, 14) ** 2
    centre, reach = (0.7 + z2 / 20) / (1 + z2 / 10), np.sqrt(z2 * (0.21 / 10 + z2 / 400)) / (1 + z2 / 10)
    assert (found["low"], found["high"]) == pytest.approx((centre - reach, centre + reach))
    assert found["estimate"] == 0.7 and found["clusters"] == found["n"] == 10


def test_slots_that_are_alike_widen_the_interval_of_a_rate():
    spread = intervals.rate_interval([1, 0] * 50, np.repeat(np.arange(10), 10))
    alike = intervals.rate_interval([1] * 50 + [0] * 50, np.repeat(np.arange(10), 10))
    assert spread["estimate"] == alike["estimate"] == 0.5
    assert alike["high"] - alike["low"] > 1.5 * (spread["high"] - spread["low"])


def test_a_rate_of_zero_or_one_is_not_certain():
    none = intervals.rate_interval([0] * 70, np.repeat(np.arange(7), 10))
    all_of_them = intervals.rate_interval([1] * 70, np.repeat(np.arange(7), 10))
    assert none["low"] == 0 and 0.05 < none["high"] < 0.2
    assert (all_of_them["low"], all_of_them["high"]) == pytest.approx((1 - none["high"], 1))


def test_the_interval_of_a_rate_does_not_jump():
    """Seven prompts with 40 of 70 slots, in any distribution: an earlier interval gave [.46, .96] for some."""
    rng = np.random.default_rng(3)
    for _ in range(200):
        passed = rng.multivariate_hypergeometric([10] * 7, 40)
        slots = np.concatenate([np.arange(10) < one for one in passed])
        found = intervals.rate_interval(slots, np.repeat(np.arange(7), 10))
        assert 0.3 < found["low"] < 0.5 and 0.64 < found["high"] < 0.8


@pytest.mark.slow
@pytest.mark.parametrize("prompts", simulate_intervals.PROMPTS)
def test_the_interval_of_a_rate_holds_it_in_95_of_100_drawings(prompts):
    found = simulate_intervals.cases(prompts, 1000)
    inner = [one.coverage for one in found if 0.1 <= one.rate <= 0.9]
    assert 0.94 < np.mean(inner) < 0.985 and min(inner) > 0.91
    assert min(one.coverage for one in found) > 0.88
    assert max(one.spread for one in found if prompts >= 10 or one.rate == 0.5) < 0.06
    assert max(one.spread for one in found) < 0.09  # few prompts whose slots are much alike: a width of .27


def test_slots_taken_for_independent_would_cover_too_little():
    """The coverage test above can fail: with each slot as its own cluster the interval is too narrow."""
    rng = np.random.default_rng(5)
    inside = 0
    for seed in range(300):
        found = intervals.cluster_bootstrap(made_slots(rng, 0.5), np.arange(PROMPTS * SLOTS), seed, resamples=500)
        inside += found["low"] <= 0.5 <= found["high"]
    assert inside / 300 < 0.9


def test_the_p_value_of_no_difference_is_rarely_small():
    rng = np.random.default_rng(6)
    small = 0
    for seed in range(400):
        difference = made_slots(rng, 0.5), made_slots(rng, 0.5)
        small += intervals.paired_cluster_difference(*difference, CLUSTERS, seed, resamples=10)["p"] <= 0.05
    assert 0.025 <= small / 400 <= 0.075


def test_a_mean_over_slots_weighs_clusters_by_their_slots():
    found = intervals.cluster_bootstrap([1, 1, 1, 0], ["a", "a", "a", "b"], seed=1, bounds=(0, 1))
    assert found["estimate"] == 0.75 and found["clusters"] == 2 and found["n"] == 4
    assert (found["low"], found["high"]) == (0, 1)


def test_two_clusters_get_the_interval_of_students_t():
    found = intervals.cluster_bootstrap([0, 2], ["a", "b"], seed=1)
    assert found["estimate"] == 1
    assert found["high"] == pytest.approx(1 + 12.7062, abs=1e-3) and found["low"] == pytest.approx(
        1 - 12.7062, abs=1e-3
    )


def test_the_order_of_slots_and_the_names_of_clusters_do_not_matter():
    rng = np.random.default_rng(8)
    values, mixed = made_slots(rng, 0.4), np.arange(200)
    named = [f"prompt {cluster}" for cluster in CLUSTERS]
    first = intervals.cluster_bootstrap(values, CLUSTERS, seed=3)
    assert first == intervals.cluster_bootstrap(values, named, seed=3)
    mixed = mixed.reshape(PROMPTS, SLOTS).T.ravel()  # slot by slot in place of prompt by prompt
    assert first == intervals.cluster_bootstrap(values[mixed], CLUSTERS[mixed], seed=3)
    assert first["low"] < first["estimate"] < first["high"] and first["resamples"] == 10_000


def test_where_all_agree_the_interval_is_a_point():
    found = intervals.cluster_bootstrap([0.8] * 200, CLUSTERS, seed=1)
    assert (found["low"], found["high"]) == (pytest.approx(0.8), pytest.approx(0.8))


def test_a_paired_difference_is_second_minus_first_with_an_exact_p():
    base, tuned, clusters = [0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 1, 1], [1, 1, 2, 2, 3, 3]
    found = intervals.paired_cluster_difference(base, tuned, clusters, seed=1, bounds=(-1, 1))
    assert found["estimate"] == pytest.approx(4 / 6)
    # prompts differ by 2, 1 and 1; of the eight flips only two reach a sum of 4 either way
    assert found["p"] == 2 / 8
    swapped = intervals.paired_cluster_difference(tuned, base, clusters, seed=1, bounds=(-1, 1))
    assert swapped["estimate"] == -found["estimate"] and swapped["p"] == found["p"]


def test_an_effect_is_found_and_none_is_not():
    rng = np.random.default_rng(9)
    base, same, better = made_slots(rng, 0.3), made_slots(rng, 0.3), made_slots(rng, 0.8)
    none = intervals.paired_cluster_difference(base, same, CLUSTERS, seed=1)
    effect = intervals.paired_cluster_difference(base, better, CLUSTERS, seed=1)
    assert none["low"] < 0 < none["high"] and none["p"] > 0.05
    assert effect["low"] > 0.3 and effect["p"] == pytest.approx(1e-4)
    alike = intervals.paired_cluster_difference(base, base, CLUSTERS, seed=1)
    assert (alike["low"], alike["high"], alike["p"]) == (0, 0, 1)


@pytest.mark.parametrize("g", [2, 5, 9, 20])
def test_the_p_of_flipped_signs_is_that_of_scipy(g):
    rng = np.random.default_rng(g)
    for _ in range(4):
        sums = rng.integers(-3, 5, g)  # whole numbers, so that sums that tie are equal
        found = intervals.paired_cluster_difference(np.zeros(g), sums, np.arange(g), seed=1)["p"]
        exact = 2**g if g <= intervals._ALL_FLIPS_UP_TO else 20_000
        test = stats.permutation_test((sums,), np.sum, permutation_type="samples", n_resamples=exact, rng=1)
        assert found == pytest.approx(test.pvalue, abs=1e-12 if exact == 2**g else 0.02)


def test_the_interval_of_a_ratio_is_that_of_scipys_paired_bootstrap():
    rng = np.random.default_rng(4)
    tokens = rng.integers(20, 400, 30).astype(float)
    base = 3 * tokens + rng.normal(0, 60, 30)
    tuned = base - 0.4 * tokens + rng.normal(0, 60, 30)

    def ratio(difference, tokens, axis):
        return difference.sum(axis) / tokens.sum(axis)

    data = (tuned - base, tokens)
    low, high = stats.bootstrap(
        data, ratio, paired=True, method="percentile", n_resamples=20_000, rng=1
    ).confidence_interval
    found = intervals.paired_difference(base, tuned, tokens, seed=1, resamples=20_000)
    assert found["estimate"] == pytest.approx(ratio(*data, axis=0))
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=0.05 * (high - low))


@pytest.mark.parametrize("values", [[1, 2], [0.1, 0.2, 0.3, 0.5, 0.9], list(range(30))])
def test_the_interval_of_a_mean_is_that_of_scipy(values):
    found = intervals.mean_interval(values)
    expected = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert (found["low"], found["high"]) == pytest.approx(expected, rel=1e-12)
    assert found["estimate"] == pytest.approx(np.mean(values)) and found["n"] == len(values)


def test_seeds_that_agree_have_a_mean_whose_interval_is_a_point():
    found = intervals.mean_interval([0.5, 0.5, 0.5])  # scipy.stats.t.interval would make it NaN
    assert (found["estimate"], found["low"], found["high"]) == (0.5, 0.5, 0.5)


def test_holm_on_hand_made_values():
    # sorted .01 .02 .03 .04 times 4 3 2 1 -> .04 .06 .06 .04, never falling -> .04 .06 .06 .06
    assert intervals.holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert intervals.holm([0.7, 0.6]) == [1, 1]
    assert intervals.holm([0.03]) == [0.03]
    assert intervals.holm([]) == []


@pytest.mark.parametrize(
    ("values", "clusters", "named"),
    [
        ([1, 0], ["a", "a"], "1 different"),
        ([1, 0, 1], ["a", "b"], "2 for values"),
        ([1, float("nan")], ["a", "b"], "finite"),
        ([], [], "0 different"),
    ],
)
def test_what_cannot_be_computed_is_refused(values, clusters, named):
    with pytest.raises(InputError, match=named):
        intervals.cluster_bootstrap(values, clusters, seed=1)


def test_pairs_and_p_values_are_checked():
    with pytest.raises(InputError, match="slot by slot"):
        intervals.paired_cluster_difference([1, 0], [1], ["a", "b"], seed=1)
    with pytest.raises(InputError, match="from 0 to 1"):
        intervals.holm([0.5, float("nan")])


def test_a_gain_on_training_words_beyond_that_on_held_out_ones_is_told_with_its_interval():
    rng = np.random.default_rng(5)
    tokens = rng.integers(150, 300, 40).astype(float)
    base = 3 * tokens + rng.normal(0, 20, 40)
    seen, held_out = (base, base - 0.7 * tokens, tokens), (base, base - 0.4 * tokens + rng.normal(0, 5, 40), tokens)
    found = intervals.difference_of_gains(seen, held_out, seed=1)
    assert found["estimate"] == pytest.approx(0.3, abs=0.02) and found["low"] > 0.25
    none = intervals.difference_of_gains(held_out, held_out, seed=1)
    assert none["estimate"] == 0 and none["low"] < 0 < none["high"]
    few = intervals.difference_of_gains(tuple(one[:4] for one in seen), held_out, seed=1)
    assert (few["low"], few["high"]) == (None, None)


def test_the_interval_of_mean_scores_is_students_t_on_the_prompts_means_where_these_are_of_one_size():
    scores, prompts = [2.0, 3.0, 3.0, 4.0, 2.5, 3.5], [1, 1, 2, 2, 3, 3]
    found, by_means = intervals.cluster_mean(scores, prompts), intervals.mean_interval([2.5, 3.5, 3.0])
    assert [found[end] for end in ("estimate", "low", "high")] == pytest.approx(
        [by_means[end] for end in ("estimate", "low", "high")]
    )
    assert (found["clusters"], found["n"]) == (3, 6)
    cut = intervals.cluster_mean(scores, prompts, bounds=(2, 4))
    assert (cut["low"], cut["high"]) == (2, 4) and found["low"] < 2


@pytest.mark.parametrize("prompts", [4, 7, 20])
def test_the_interval_of_mean_levels_covers_the_truth_and_holds_still(prompts):
    """Levels of 4 to 10 slots a prompt, prompts differing (intraclass correlation .1), as far apart as in a bank."""
    rng, truth, spread = np.random.default_rng(prompts), 3.4, 0.4
    covered, widths, drawn_again = [], [], []
    for at in range(1000):
        clusters = np.repeat(np.arange(prompts), rng.integers(4, 11, prompts))
        own = np.sqrt(0.1) * rng.normal(size=prompts)[clusters] + np.sqrt(0.9) * rng.normal(size=len(clusters))
        levels = np.clip(truth + spread * own, 1, 5)
        found = intervals.cluster_mean(levels, list(clusters), bounds=(1, 5))
        covered.append(found["low"] <= truth <= found["high"])
        widths.append(found["high"] - found["low"])
        if at < 100:
            again = intervals.cluster_bootstrap(levels, list(clusters), 0, 1000, bounds=(1, 5))
            drawn_again.append(again["high"] - again["low"])
    assert 0.93 <= np.mean(covered) <= 0.97
    assert np.std(widths) < np.std(drawn_again) or prompts == 20


def test_a_mean_over_seeds_by_hand():
    found = intervals.over_seeds([0.6, 0.7, 0.8], [0.001, 0.002, 0.003], [12, 12, 12])
    reach = 4.302653 * math.sqrt(0.01 / 3)  # the seeds' means vary more than their prompts say
    assert found == pytest.approx({"estimate": 0.7, "sd": 0.1, "low": 0.7 - reach, "high": 0.7 + reach, "n": 3})
    close = intervals.over_seeds([0.70, 0.70, 0.70], [0.02, 0.03, 0.07], [4, 4, 4], bounds=(0, 0.9))
    reach = 2.262157 * math.sqrt(0.04 / 3)  # agreement by chance is not certainty: the prompts' variance counts
    assert close == pytest.approx({"estimate": 0.7, "sd": 0, "low": 0.7 - reach, "high": 0.9, "n": 3}, abs=1e-6)
    assert intervals.over_seeds([0.5], [0.01], [12]) == {"estimate": 0.5, "sd": None, "low": None, "high": None, "n": 1}


def draws_of_seeds(seeds: int, prompts: int, rate: float, between: float, runs: int):
    """(runs, seeds, prompts) shares of ten slots: seeds differ in their rate, and so do a seed's prompts."""
    rng = np.random.default_rng(1)
    of_seed = np.clip(rng.normal(rate, between, (runs, seeds)), 0.001, 0.999)
    return rng.binomial(10, rng.beta(8 * of_seed[..., None], 8 * (1 - of_seed[..., None]), (runs, seeds, prompts))) / 10


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("rate", [0.3, 0.6, 0.8])
@pytest.mark.parametrize("between", [0.0, 0.05])
def test_the_interval_over_seeds_and_prompts_holds_what_it_says(seeds, rate, between):
    found = [
        intervals.over_seeds(shares.mean(1), shares.var(1, ddof=1) / 12, [12] * seeds, (0, 1))
        for shares in draws_of_seeds(seeds, 12, rate, between, 2000)
    ]
    covered = np.mean([one["low"] <= rate <= one["high"] for one in found])
    width = np.median([one["high"] - one["low"] for one in found])
    print(f"{seeds} seeds, rate {rate}, sd between seeds {between}: coverage {covered:.3f}, width {width:.2f}")
    assert 0.94 <= covered <= 0.995 and width < {3: 0.4, 5: 0.2}[seeds]


@pytest.mark.slow
def test_resampling_few_seeds_and_their_prompts_would_hold_too_little():
    """Why the interval over seeds is not a two-step bootstrap."""
    rng, covered = np.random.default_rng(2), []
    for shares in draws_of_seeds(3, 12, 0.6, 0.1, 500):
        seeds, prompts = rng.integers(0, 3, (1000, 3, 1)), rng.integers(0, 12, (1000, 3, 12))
        low, high = np.quantile(shares[seeds, prompts].mean((1, 2)), (0.025, 0.975))
        covered.append(low <= 0.6 <= high)
    print(f"two steps of resampling, 3 seeds: coverage {np.mean(covered):.3f}")
    assert np.mean(covered) < 0.92
