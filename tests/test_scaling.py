"""benchmarks/scaling: the simulation on jobs by hand, the engine's graph, the fits, the made bank, and the page."""

import json
import math
import sys

import pytest
from doc_pages import ROOT

sys.path.insert(0, str(ROOT))

from benchmarks.scaling import bank, fit, graph, page, plan, planning, schedule, stage_times  # noqa: E402
from benchmarks.scaling.__main__ import GPUS, GRID, SENTENCES  # noqa: E402
from benchmarks.scaling.schedule import Job, Machine  # noqa: E402
from benchmarks.scaling.stage_times import Assumed, Measured  # noqa: E402
from cefr_helpers import recipe, word_match  # noqa: E402

SMALL = "levels: [A2, B2]\nrecipes: [smoke]\nseeds: [1, 2]\nlora_rank: [8, 16]\n"


def job(name, seconds, *needs, gpus=0, threads=1, priority=0):
    return Job(name, name[0], "bundled", needs, threads, gpus, priority, seconds)


def by_priority(one):
    return one.priority


def test_jobs_start_when_what_they_wait_for_has_ended_and_a_gpu_is_free():
    jobs = [job("a", 2), job("t1", 5, "a", gpus=1), job("t2", 4, "a", gpus=1), job("t3", 1, "a", gpus=1)]
    assert schedule.simulate(jobs, Machine(2, 8), by_priority) == {"a": 0, "t1": 2, "t2": 2, "t3": 6}
    assert schedule.simulate(jobs, Machine(1, 8), by_priority) == {"a": 0, "t1": 2, "t2": 7, "t3": 11}


def test_priorities_come_first_and_what_fits_overtakes_what_does_not():
    jobs = [job("a", 3, threads=2), job("b", 4, threads=3, priority=1), job("c", 1, threads=2, priority=-1)]
    assert schedule.simulate(jobs, Machine(1, 4), by_priority) == {"b": 0, "a": 4, "c": 4}
    jobs = [job("a", 3, threads=3), job("b", 4, threads=2), job("c", 1)]
    assert schedule.simulate(jobs, Machine(1, 4), by_priority) == {"a": 0, "c": 0, "b": 3}


def test_what_can_never_start_is_said():
    with pytest.raises(ValueError, match="t asks for 2 GPUs"):
        schedule.simulate([job("t", 1, gpus=2)], Machine(1, 4), by_priority)
    with pytest.raises(ValueError, match="wait for one another"):
        schedule.simulate([job("a", 1, "b"), job("b", 1, "a"), job("c", 1)], Machine(1, 4), by_priority)


def test_the_longest_chain_bounds_the_time_and_names_its_jobs():
    jobs = [job("a", 2), job("t", 5, "a", gpus=1), job("s", 6, gpus=1), job("p", 1, "t")]
    assert [one.name for one in schedule.critical_path(jobs)] == ["a", "t", "p"]
    assert schedule.longest_chains(jobs) == {"a": 8, "t": 6, "s": 6, "p": 1}


def test_gpus_at_work_over_time():
    jobs = [job("a", 2), job("t", 5, "a", gpus=1), job("s", 6, gpus=1)]
    starts = schedule.simulate(jobs, Machine(2, 8), by_priority)
    assert schedule.gpus_at_work(jobs, starts) == [(0, 1), (2, 2), (6, 1), (7, 0)]


def test_the_bottleneck_is_the_highest_of_the_bounds():
    chain = [job("a", 2), job("t", 50, "a", gpus=1)]
    wide = [*chain, *(job(f"t{i}", 50, "a", gpus=1) for i in range(7))]
    for jobs, gpus, expected in ((wide, 1, "work of the GPUs"), (wide, 8, "longest chain of jobs")):
        row = plan.on_machine(jobs, Machine(gpus, 8), 3, 4, Assumed())
        assert row["bottleneck"] == expected and row["total_s"] == 3 + 2 + 50 * 8 / gpus + 4
        assert row["gpu_busy_s"] == 400 and row["price_busy"] == 400 / 3600 * Assumed().gpu_hour_price
        assert row["bounds_s"]["data before the first training"] == 2
    assert plan.on_machine(chain, Machine(1, 8), 60, 4, Assumed())["bottleneck"] == "planning and report"


def test_training_grows_with_the_model_and_falls_with_the_gpu():
    known = Measured({"format": 9.0}, 10, {"B2": 70.0}, {"B2": 90.0}, {"B2": 40.0}, 100_000_000, 200.0)
    small, fast = Assumed(parameters={"big": 2e8}), Assumed(training_tflops=80, parameters={"big": 2e8})
    reference = recipe.load_recipe("reference")

    def train(model, assumed):
        return stage_times.seconds("train", model, reference, known, assumed)

    tokens = (
        1800 * 10 * 200 + 6 * 200 * 200 / 3
    )  # a scored token costs a third of a trained one; 290 steps, 6 evaluations
    assert train("bundled", small) == pytest.approx(10 + 20 + 6 * tokens * 1e8 / 40e12)
    assert train("big", small) == pytest.approx(10 + 40 + 6 * tokens * 2e8 / 40e12)
    assert train("big", small) - train("big", fast) == pytest.approx(6 * tokens * 1e8 / 40e12)
    answers = (2 * (1 + 3) + 1) * 4 * 512 * small.decoding_step_s
    assert stage_times.seconds("compare", "bundled", reference, known, small) == pytest.approx(30 + answers, rel=1e-3)
    assert stage_times.seconds("format", "big", reference, known, small) == 9


def test_the_reference_runs_stage_times_are_those_between_its_records():
    known = stage_times.measured({}, 10)
    assert all(known.training_s[level] < known.train_s[level] < 2 * known.training_s[level] for level in known.train_s)
    assert 0 < known.around_training_s < min(known.train_s.values()) / 2


def test_the_graph_is_the_engines():
    jobs = {one.name: one for one in graph.of(SMALL, cores=8, gpus=2)}
    kinds = [one.kind for one in jobs.values()]
    # data depends on the seed and not on the rank
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "format": 4, "take": 8, "train": 8, "compare": 8, "plot": 8,
    }  # fmt: skip
    train = next(one for one in jobs.values() if one.kind == "train" and one.name.startswith("train_B2"))
    run = train.name.removeprefix("train_B2_")
    assert train.needs == (f"take_B2_{run}",) and train.gpus == 1 and train.base_model == "bundled"
    assert set(jobs[f"compare_B2_{run}"].needs) == {f"take_B2_{run}", f"train_B2_{run}"}
    [formats] = jobs[f"take_B2_{run}"].needs
    assert jobs[formats].kind == "format" and jobs[formats].gpus == 0 and jobs[formats].threads == 1
    assert train.priority < next(one for one in jobs.values() if one.name.startswith("train_A2")).priority
    # so that each GPU has its training
    assert train.threads == 4


def test_a_grid_of_more_seeds_differs_in_its_seeds_alone():
    before, after = GRID.read_text().splitlines(), planning.of_seeds(GRID, 2).splitlines()
    assert [line for line in after if line not in before] == ["seeds: [1, 2]"] and len(after) == len(before)


def test_a_power_law_is_found_again_and_says_how_sure_it_is():
    sizes = [1e4, 1e5, 1e6]
    exact = fit.power_law(sizes, [3 * size**1.5 for size in sizes])
    assert (
        exact.exponent == pytest.approx(1.5)
        and exact.residual == pytest.approx(1)
        and exact.at(1e7)[0] == pytest.approx(3 * 1e7**1.5)
    )
    rough = fit.power_law(sizes, [1e4, 1.2e5, 1e6])
    middle, low, high = rough.at(1e7)
    assert low < middle < high and high / middle == pytest.approx(middle / low)
    assert rough.residual == pytest.approx(math.exp(math.log(1.2) * math.sqrt(2 / 3)))
    assert high / middle > rough.residual**12.7  # Student's t with one degree of freedom
    with pytest.raises(ValueError, match="three points"):
        fit.power_law([1, 2], [1, 2])


def test_a_made_bank_is_clean_and_like_the_corpus():
    made = bank.made_bank(2000)
    assert len(made) == 400 and all(len(own) == 5 for own in made.values())
    assert all(word_match.matches(word, sentence) for word, own in made.items() for sentence in own)
    assert made == bank.made_bank(2000) != bank.made_bank(2000, seed=2)


def test_the_steps_of_formatting_are_measured():
    found = bank.measure(1000)
    assert found["sentences"] == 1000 and all(seconds >= 0 for seconds in found["steps"].values())
    assert found["steps"]["read and clean"] > 0 and found["peak_memory_bytes"] > 10**7


def test_the_page_says_what_was_measured():
    found = page.load()
    assert page.filled(page.PAGE.read_text(encoding="utf-8"), found) == page.PAGE.read_text(encoding="utf-8")
    assert [row["gpus"] for row in found["machines"]] == list(GPUS)
    assert [row["sentences"] for row in found["formatting"]] == list(SENTENCES)


def test_another_number_would_change_the_page():
    found = page.load()
    changed = json.loads(json.dumps(found))
    changed["machines"][1]["total_s"] *= 2
    assert page.filled(page.PAGE.read_text(encoding="utf-8"), changed) != page.PAGE.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="origin, start"):
        page.filled("no place for anything", found)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1.26, "1.3 s"), (40, "40 s"), (600, "10 min"), (9000, "2.5 h"), (60 * 3600, "2.5 days")],
)
def test_durations(seconds, said):
    assert page.duration(seconds) == said
