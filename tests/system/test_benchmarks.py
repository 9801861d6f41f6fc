"""The benchmarks: turns and resume, what is computed from measurements, and the page that is made from the results."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import (
    environments,
    figures,
    goals,
    gpu,
    gpu_check,
    gpu_tables,
    groups,
    page,
    processes,
    results,
    rounds,
    settings,
    tables,
    workload,
)
from benchmarks.groups import Row
from benchmarks.programs import generate_suite, limit, profile_suite, run_notebooks, run_twice
from benchmarks.workload import Workload
from cefr_helpers.core.paths import STAGES, project_root
from cefr_helpers.models import base_model

DESCRIPTION = {"training_tokens": 1000, "completion_tokens": 600, "longest_example_tokens": 300}
QUICK = settings.quick()
PROGRAM = """
import json, sys
told = json.load(open(sys.argv[1]))
with open(told["seen"], "a") as seen:
    seen.write(told["name"] + " ")
if told["name"] == "bad":
    sys.exit("no such device")
with open(told["result"], "w") as out:
    json.dump({"seconds": 2.0, "versions": {}}, out)
"""


@pytest.fixture
def work(tmp_path) -> Workload:
    return Workload(tmp_path, tmp_path / "model", tmp_path / "model.gguf", DESCRIPTION)


def make_rows(work: Workload, *names: str, **more) -> list[Row]:
    program = work.folder / "program.py"
    program.write_text(PROGRAM)
    seen = str(work.folder / "seen")
    return [
        Row(one, one, "suite", str(program), {"name": one, "seen": seen}, 1, group="growth", **more) for one in names
    ]


# Turns


def test_rows_take_turns_and_what_was_measured_is_not_measured_again(work, capsys):
    rows, three = make_rows(work, "one", "two"), dataclasses.replace(QUICK, repeats=3)
    found = rounds.measure(rows, three, work)
    assert (work.folder / "seen").read_text() == "one two one two one two "
    assert [len(found[name]["measurements"]) for name in ("one", "two")] == [3, 3]
    assert found["one"]["measurements"][0]["wall_s"] > 0
    (work.folder / "measurements" / "growth" / "two-1.json").unlink()
    assert [len(one["measurements"]) for one in rounds.measure(rows, three, work).values()] == [3, 3]
    assert (work.folder / "seen").read_text() == "one two one two one two two "
    printed = capsys.readouterr().out
    assert "6 measurements, 5 of them there already, about 0:01 to go" in printed
    assert "6 of 6: two: seconds 2" in printed


def test_a_row_that_fails_says_why_and_the_others_go_on(work):
    rows = make_rows(work, "bad", "good")
    found = rounds.measure(rows, dataclasses.replace(QUICK, repeats=2), work)
    assert (work.folder / "seen").read_text() == "bad good good "
    assert found["bad"] == {"measurements": [], "failed": "program: exit status 1; no such device"}
    assert len(found["good"]["measurements"]) == 2 and found["good"]["failed"] is None


def test_a_row_of_one_round_is_measured_once(work):
    rows = make_rows(work, "once", repeats=1)
    assert len(rounds.measure(rows, dataclasses.replace(QUICK, repeats=3), work)["once"]["measurements"]) == 1


def test_a_program_that_never_ends_is_ended(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import time; print('waiting', flush=True); time.sleep(60)")
    with pytest.raises(processes.ProgramFailed, match="program: ended after 1 s; waiting"):
        processes.measure(Path(sys.executable), program, {}, tmp_path / "run", 1)


def test_an_environment_that_can_not_be_made_fails_its_rows_alone(work, monkeypatch, capsys):
    def python(name):
        if name == "litgpt":
            raise environments.NotInstalled("litgpt.txt: no matching distribution")
        return Path(sys.executable)

    monkeypatch.setattr(environments, "python", python)
    good, bad = make_rows(work, "good", "bad")
    found = rounds.measure([good, dataclasses.replace(bad, environment="litgpt")], QUICK, work)
    assert found["bad"] == {"measurements": [], "failed": "litgpt.txt: no matching distribution"}
    assert len(found["good"]["measurements"]) == 1 and "environment litgpt: FAILED" in capsys.readouterr().out


def test_nothing_goes_on_from_what_a_stopped_program_left_and_little_stays(work):
    [row] = make_rows(work, "one")
    folder = work.folder / "runs" / "growth" / "one-0"
    (folder / "checkpoints").mkdir(parents=True)
    row.path.write_text(
        "import json, os, sys, pathlib\n"
        "told = json.load(open(sys.argv[1]))\n"
        "left = sorted(os.listdir(told['folder']))\n"
        "for name in ('adapter', 'outputs'): pathlib.Path(told['folder'], name).mkdir()\n"
        "json.dump({'left': left, 'versions': {}}, open(told['result'], 'w'))\n"
    )
    [one] = rounds.measure([row], QUICK, work)["one"]["measurements"]
    assert one["left"] == ["log.txt", "specification.json"]
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["adapter"]


def test_evaluation_without_an_adapter_says_what_comes_first(work):
    with pytest.raises(processes.ProgramFailed, match="the group training comes first"):
        rounds.adapter(work)


# The programs' input


@pytest.mark.parametrize("sizes", [settings.Settings(), QUICK], ids=["full", "quick"])
def test_all_trainings_have_one_recipe_and_as_many_examples_a_step(sizes, work):
    rows = [row for row in groups.of("training", sizes, work) if "batch_size" in row.told]
    shared = ("rank", "alpha", "learning_rate", "warmup_steps", "weight_decay", "steps", "seed", "train", "rows")
    assert {tuple(row.told[key] for key in shared) for row in rows} == {tuple(rows[0].told[key] for key in shared)}
    assert {row.told["batch_size"] * row.told["accumulation"] for row in rows} == {sizes.examples_per_step}
    assert sizes.warmup_steps < sizes.steps


def test_every_row_has_its_program_and_every_environment_its_pins(work):
    rows = [row for group in settings.GROUPS for row in groups.of(group, QUICK, work)] + gpu.rows_of(gpu.QUICK, work)
    assert [row.path for row in rows if not row.path.is_file()] == []
    names = {row.environment for row in rows} - {environments.OWN}
    assert names == {path.stem for path in environments.PEERS.glob("*.txt")}
    assert len({(row.group, row.name) for row in rows}) == len(rows)


@pytest.mark.parametrize("file", sorted(environments.PEERS.glob("*.txt")), ids=lambda file: file.stem)
def test_peers_pin_every_package_and_name_no_host(file):
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    assert lines and [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[^\s+]+", line)] == []


def test_the_workload_is_the_same_tokens_for_all(bundled, tmp_path):
    made = workload.prepare(QUICK, tmp_path)
    rows, train = (json.loads(made.file(name).read_text()) for name in ("rows", "train"))
    assert len(rows) == len(train) == QUICK.train_examples == made.description["examples"]["train"]
    assert made.description["training_tokens"] == sum(len(row["input_ids"]) for row in rows)
    tokenizer = base_model.load_tokenizer(bundled)
    for row in rows:  # what a peer that takes text makes of it
        text = row["prompt"] + row["output"]
        assert tokenizer(text, add_special_tokens=False).input_ids + [tokenizer.eos_token_id] == row["input_ids"]
    assert workload.prepare(QUICK, tmp_path).folder == made.folder
    assert workload.prepare(dataclasses.replace(QUICK, seed=1), tmp_path).folder != made.folder
    assert made.gguf.is_file()


# Computed values


def test_the_limit_counts_what_lora_training_multiplies(tmp_path):
    import torch
    from safetensors.torch import save_file

    weights = {
        "model.embed_tokens.weight": torch.zeros(100, 8),
        "model.layers.0.mlp.up_proj.weight": torch.zeros(16, 8),
        "model.layers.0.input_layernorm.weight": torch.zeros(8),
        "model.layers.0.mlp.down_proj.weight": torch.zeros(8, 16),
    }
    save_file(weights, tmp_path / "model.safetensors")
    assert limit.flop_per_token(tmp_path, 2, 0.5) == 4 * 256 + 6 * 2 * 2 * 24 + 4 * 0.5 * 800
    assert limit.flop_per_scored_token(tmp_path, 2) == 2 * 2 * (256 + 800) + 2 * 2 * 2 * 24
    assert limit.flop_per_s(64, 3) > 1e6


def test_the_largest_memory_is_this_processs_own():
    code = (
        "from benchmarks.peers.common import peak_memory_bytes as peak\n"
        "before = peak(); b'x' * 2**27\n"  # gone again, but it was there
        "print(before, peak())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project_root(), capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before < 2**26 and 0.9 < (after - before) / 2**27 < 1.1


def test_operations_are_sorted_by_what_they_are_part_of():
    names = {
        ("aten::mm", ((600, 576), (576, 16))): "matrix products: LoRA pairs",
        ("aten::mm", ((600, 576), (576, 48))): "matrix products: LoRA pairs",  # of q, k and v together
        ("aten::addmm_", ((600, 1536), (600, 16), (16, 1536))): "matrix products: LoRA pairs",
        ("aten::mm", ((600, 576), (576, 1536))): "matrix products: frozen weights",
        ("aten::addmm_", ((600, 576), (600, 1536), (1536, 576))): "matrix products: frozen weights",
        ("aten::mm", ((300, 576), (576, 49152))): "matrix products: output head",
        ("aten::_scaled_dot_product_flash_attention_for_cpu", ()): "attention scores",
        ("aten::bmm", ((6, 900, 64), (6, 64, 300))): "attention scores",
        ("aten::add", ((2, 3, 3, 300, 300), (2, 1, 1, 300, 300))): "attention scores",
        ("aten::copy_", ()): "casts and copies",
        ("aten::_log_softmax", ()): "loss",
        ("aten::_fused_adamw_", ()): "optimizer and clipping",
        ("_ProductsBackward", ()): "Python and autograd between the operations",
        ("autograd::engine::evaluate_function: MulBackward0", ()): "Python and autograd between the operations",
        ("aten::silu", ((2, 300, 1536),)): "norms, activations and other elementwise work",
    }
    assert [profile_suite.kind(*one, 16, 49152) for one in names] == list(names.values())
    events = [SimpleNamespace(key=key, input_shapes=list(sides), self_cpu_time_total=1e6) for key, sides in names]
    found = profile_suite.shares([*events, events[0]], 17.0, 2, 16, 49152)
    assert list(found.items())[:4] == [
        ("matrix products: LoRA pairs", 2.0),
        ("attention scores", 1.5),
        (profile_suite.BETWEEN, 1.5),  # of which half a second is no operation's
        ("matrix products: frozen weights", 1.0),
    ]
    assert sum(found.values()) == 8.5


def test_the_tokens_of_answers_are_counted(tiny_folder, examples, tmp_path):
    (tmp_path / "eval.json").write_text(json.dumps(examples[:3]))
    sizes = {"prompts": 3, "new_tokens": 4, "batch_size": 2, "precision": "fp32", "keep_answers": False}
    generate_suite.main(
        {
            "model": str(tiny_folder),
            "eval": str(tmp_path / "eval.json"),
            "result": str(tmp_path / "result.json"),
            **sizes,
        }
    )
    found = json.loads((tmp_path / "result.json").read_text())
    assert found["new_tokens"] == 3 * 4 and found["tokens_per_s"] == found["new_tokens"] / found["seconds"]


def test_a_training_with_another_loss_does_not_count(work):
    rows = groups.of("training", QUICK, work)
    losses = {"suite": 2.0, "unsloth": 2.019, "trainer": 2.021}
    found = {row.name: {"measurements": [], "failed": None} for row in rows}
    for name, loss in losses.items():
        found[name]["measurements"] = [{"train_s": s, "loss": loss, "versions": {}} for s in (4.0, 5.0, 20.0)]
    made = {row["name"]: row for row in results.collect("training", rows, found, QUICK, work)["rows"]}
    assert made["suite"]["median"]["tokens_per_s"] == 1000 / 5 and made["suite"]["range"]["tokens_per_s"] == [50, 250]
    assert [made[name]["counts"] for name in ("suite", "unsloth", "trainer", "litgpt")] == [True, True, False, None]


def test_results_hold_no_text_and_no_path(work):
    rows = groups.of("generation", QUICK, work)
    texts = {"batched_fp32": ["He left.", "She ran."], "one_by_one_fp32": ["He left.", "She runs."]}
    found = {row.name: {"measurements": [{"seconds": 1.0, "versions": {}}], "failed": None} for row in rows}
    for name, answers in texts.items():
        found[name]["measurements"][0]["answers"] = answers
    made = results.collect("generation", rows, found, dataclasses.replace(QUICK, bank="/home/me/my_bank"), work)
    text = json.dumps(made)
    assert "She" not in text and "/home" not in text and str(work.folder) not in text
    assert next(row for row in made["rows"] if row["name"] == "batched_fp32")["check"] == {"same_answers": 1, "of": 2}


def test_seconds_of_a_notebook_are_sorted_by_what_its_cells_do():
    def cell(source: str, duration: float) -> dict:
        return {"cell_type": "code", "source": [source], "metadata": {"papermill": {"duration": duration}}}

    sources = ["import os", "model = tuning.load(base)", "x = tuning.tune(model)", "print(x)"]
    notebook = {"cells": [{"cell_type": "markdown", "source": ["import"], "metadata": {}}]}
    notebook["cells"] += [cell(source, 2.0**place) for place, source in enumerate(sources)]
    expected = {"start": 5, "imports": 1, "loading": 2, "work": 4, "merging": 0, "rest": 8, "wall": 20}
    assert run_notebooks.sorted_seconds(notebook, 20) == expected


def test_the_marks_of_work_stand_in_the_notebooks():
    code = "".join((project_root() / "notebooks" / f"{stage}.ipynb").read_text() for stage in STAGES)
    marks = (*run_notebooks.LOADING, *run_notebooks.WORK, *run_notebooks.MERGING)
    assert [mark for mark in marks if mark not in code] == []


def test_the_gpu_programs_model_has_llama_3_2_1bs_size():
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig(**gpu.LLAMA_3_2_1B))
    assert model.num_parameters() == 1_235_814_400  # as its model card says: 1.23 billion


# The page


def test_the_page_is_made_from_the_results():
    text = page.path().read_text(encoding="utf-8")
    assert page.with_tables(text, page.folder()) == text
    measured = results.read(page.folder(), "growth")
    assert (page.folder() / "growth.png").is_file() == (measured is not None)


def test_tables_show_ratios_marks_and_failures(work, tmp_path):
    rows = groups.of("training", QUICK, work)
    found = {row.name: {"measurements": [], "failed": None} for row in rows}
    seconds = {"suite": (2.0, 2.0), "unsloth": (5.0, 2.01), "trainer": (4.0, 2.2)}
    for name, (train_s, loss) in seconds.items():
        one = {"train_s": train_s, "loss": loss, "peak_memory_bytes": 2_000_000_000, "versions": {"torch": "2.13.0"}}
        found[name]["measurements"] = [one]
    found["litgpt"]["failed"] = "train_litgpt: exit status 1; no | such thing"
    results.write(tmp_path, results.collect("training", rows, found, QUICK, work))
    page_text = tmp_path / "page.md"
    page_text.write_text(page.path().read_text(encoding="utf-8"), encoding="utf-8")
    text = page.update(tmp_path, page_text).read_text(encoding="utf-8")
    lines = {line.split(" | ")[0][2:]: line.split(" | ") for line in text.splitlines() if line.startswith("| ")}
    unsloth = lines["Unsloth, its notebooks' arguments: batches of 2, recomputation"]
    assert unsloth[1:] == ["200 [200, 200]", "2.50", "", "2000", "2.010 |"]
    assert lines["Hugging Face Trainer + PEFT, batches of 8"][2:] == ["does not count", "", "2000", r"2.200 \* |"]
    assert lines["training: times as fast as the next best peer that counts"][1:] == ["at least 1.50", "2.50", "met |"]
    assert lines["training: share of the limit"][2:] == ["not measured", " |"]
    assert "failed: train_litgpt: exit status 1; no / such thing" in text
    assert "torch 2.13.0" in text and page.with_tables(text, tmp_path) == text


def test_growth_gets_a_figure_with_its_points(work, tmp_path):
    rows = groups.of("growth", QUICK, work)
    one = {"seconds": 1.5, "peak_memory_bytes": 10**8, "versions": {}}
    found = {row.name: {"measurements": [dict(one)], "failed": None} for row in rows}
    made = results.collect("growth", rows, found, QUICK, work)
    results.write(tmp_path, made)
    page_text = tmp_path / "page.md"
    page_text.write_text(page.path().read_text(encoding="utf-8"), encoding="utf-8")
    assert "| formatting 1,000 examples | 1.50 | 100 | 1 |" in page.update(tmp_path, page_text).read_text()
    examples, seconds = figures.points_of(made, "scoring", "seconds")
    assert list(examples) == list(QUICK.scoring_sizes) and set(seconds) == {1.5}
    assert (tmp_path / "growth.png").stat().st_size > 10_000


def test_growth_off_its_line_is_told():
    def row(work: str, count: int, seconds: float) -> dict:
        median = {"seconds": seconds, "peak_memory_bytes": 10**9}
        return {"name": f"{work}_{count}", "settings": {"examples": count}, "median": median}

    straight = [row(work, count, count / 100) for work in figures.WORK for count in (100, 200, 300)]
    assert figures.furthest({"rows": straight}) == pytest.approx(0, abs=1e-9)
    bent = [*straight[:2], row("formatting", 300, 9.0), *straight[3:]]
    assert figures.furthest({"rows": bent}) == pytest.approx(2 / 8)  # the line ends at 8 and passes the middle by 2


def test_a_second_run_is_told_as_its_share_of_the_first(work):
    sources = [
        "import os",
        "x = adapters.load(base)",
        "s = comparison.score(x)",
        "a = comparison.answers(x)",
        "print(a)",
    ]
    cells = [{"cell_type": "code", "source": [one], "metadata": {"papermill": {"duration": 4.0}}} for one in sources]
    runs = {
        name: run_notebooks.sorted_seconds({"cells": cells}, wall_s, run_twice.KINDS)
        for name, wall_s in ((run_twice.FIRST, 80), (run_twice.SECOND, 32))
    }
    rows = groups.of("second", QUICK, work)
    found = {"twice": {"measurements": [{"stages": runs, "versions": {}}], "failed": None}}
    made = results.collect("second", rows, found, QUICK, work)
    part = tables.part(made)
    assert "| second | 12.0 | 4.0 | 4.0 | 4.0 | 4.0 | 0.0 | 4.0 | 32.0 |" in part
    assert "The second run takes 40% of the first one's time." in part and "measured once" in part
    [line] = [
        one for one in goals.table(dict.fromkeys(page.PAGE_GROUPS) | {"second": made}).splitlines() if "40%" in one
    ]
    assert line.startswith("| 03, when") and line.endswith("| at most 55% | 40% | met |")
    failed = results.collect("second", rows, {"twice": {"measurements": [], "failed": "no disk"}}, QUICK, work)
    assert "failed: no disk" in tables.part(failed) and goals.second_run(failed) is None


def test_runs_that_did_not_reuse_the_bases_part_are_refused():
    everything = {"likelihood", "answers", "answers_with_examples", "answers_one_word", "fluency", "gaps"}
    run_twice.check({"first": {"gaps"}, "second": everything | {"samples"}})
    for first, second in ((everything, everything), (set(), set()), (set(), everything - {"fluency"})):
        with pytest.raises(RuntimeError, match="expected nothing of the base in the first"):
            run_twice.check({"first": first, "second": second})


def test_goals_from_above_and_from_below():
    seconds = {"start": 2.0, "imports": 0.5, "rest": 9.0, "merging": 6.0}
    row = {"name": "notebooks", "median": {"stages": dict.fromkeys((*STAGES, "05_final_report"), seconds)}}
    found = dict.fromkeys(page.PAGE_GROUPS) | {"overhead": {"rows": [row]}}
    lines = [line.split(" | ") for line in goals.table(found).splitlines()]
    assert [line[1:] for line in lines if line[0].startswith(("| 01", "| 02"))] == [
        ["at most 3.0", "2.5", "met |"],
        ["at most 15.0", "17.5", "missed |"],
    ]


@pytest.mark.slow
def test_the_gpu_program_goes_from_start_to_end_with_a_tiny_model(tmp_path):
    """With the real libraries: all rows, and nothing published."""
    published = page.path().read_bytes()
    command = [sys.executable, "-m", "benchmarks.gpu", "--tiny"]
    done = subprocess.run(command, cwd=project_root(), env=own_cache(tmp_path), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    [file] = tmp_path.glob("cefr_helpers/benchmarks/work/*/results/gpu.json")
    found = json.loads(file.read_text())
    assert {row["name"]: row["failed"] for row in found["rows"]} == dict.fromkeys(
        ("reference", "reference_64", "dropout", "best", "best_64", "unsloth", "limit")
    )
    best = next(row["median"] for row in found["rows"] if row["name"] == "best")
    assert best["tokens_per_s"] > 0 and 0 < best["share_of_peak"] < 1
    assert best["smallest_gradient_norm"] > 0
    left = gpu.STEPS_OF_RECIPE - gpu.QUICK.steps
    assert best["reference_run_s"] == pytest.approx(best["train_s"] + left * best["step_s"])
    assert best["train_s"] >= gpu.QUICK.steps * best["step_s"] / 2
    assert page.path().read_bytes() == published


def test_the_gpu_pages_table_is_made_from_the_published_check():
    text = (project_root() / "docs" / "gpu.md").read_text(encoding="utf-8")
    found = json.loads((page.folder() / "gpu_check.json").read_text())
    assert gpu_tables.with_table(text, found) == text and found["parts"]


@pytest.mark.slow
def test_the_gpu_check_goes_from_start_to_end_on_a_cpu(tmp_path):
    """With a tiny configuration: each part through the real notebooks, one JSON file, and nothing published."""
    text = (project_root() / "docs" / "gpu.md").read_bytes()
    command = [sys.executable, "-m", "benchmarks.gpu_check", "--tiny", "--folder", str(tmp_path / "check")]
    done = subprocess.run(command, cwd=project_root(), env=own_cache(tmp_path), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "check" / "gpu_check.json").read_text())
    assert list(found["parts"]) == list(gpu_check.PARTS)
    assert [name for name, part in found["parts"].items() if "failed" in part] == []
    # the same run twice on one machine
    assert found["parts"]["smoke"]["train_losses"] == found["parts"]["cpu"]["train_losses"]
    assert found["parts"]["llama"]["export_s"] > 0 and found["parts"]["fp16"]["steps"] == 2
    assert (project_root() / "docs" / "gpu.md").read_bytes() == text


def test_a_part_of_the_gpu_check_that_fails_says_why_and_the_table_too(tmp_path, monkeypatch):
    monkeypatch.setitem(
        gpu_check.PARTS, "smoke", lambda check: gpu_check.run(check, "smoke", "smoke", {"warmup_ratio": 2.0})
    )
    check = gpu_check.Check(tmp_path, "bundled", True, 60)
    gpu_check.run_part("smoke", check)
    found = gpu_check.collect(check)
    assert "warmup_ratio" in found["parts"]["smoke"]["failed"]
    assert "| failed: -m cefr_helpers.cli run: 2" in gpu_tables.table(found)


@pytest.mark.slow
def test_the_suites_own_programs_go_from_start_to_end(tmp_path):
    names = "suite suite_weighted step token base limit suite_bf16 limit_of_scoring batched"
    names += " formatting_100 scoring_4 twice"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--rows", names]
    done = subprocess.run(command, cwd=project_root(), env=own_cache(tmp_path), capture_output=True, text=True)
    assert done.returncode == 0 and "FAILED" not in done.stdout, done.stdout + done.stderr
    rows = {}
    for file in tmp_path.glob("cefr_helpers/benchmarks/work/*/results/*.json"):
        rows |= {row["name"]: row for row in json.loads(file.read_text())["rows"]}
    assert set(rows) == set(names.split()) and all(row["measurements"] for row in rows.values())
    # two steps teach nothing, but they change the model
    assert 0 < abs(rows["suite"]["median"]["loss"] - rows["base"]["median"]["loss"]) < 0.1
    twice = rows["twice"]["median"]["stages"]
    assert 0 < twice["second"]["answers"] < twice["first"]["answers"]
    for name in ("step", "token"):
        assert rows[name]["shares"]["matrix products: frozen weights"] > 0


def own_cache(folder: Path) -> dict:
    """The environment with a cache of its own, in which the converted model lies already."""
    (folder / "cefr_helpers").mkdir()
    (folder / "cefr_helpers" / "base_models").symlink_to(base_model.cache_folder() / "base_models")
    return os.environ | {"XDG_CACHE_HOME": str(folder)}
