"""Records made by hand for the tests of plots, notes and report; realistic, but not the results of a run.

They are checked against the schema: a name that it does not have is an error here too.
"""

import copy
import itertools
import json
import math
from pathlib import Path

from cefr_helpers.core import schema
from cefr_helpers.core.level_records import LevelRecords
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.records import SCHEMA, AnyRecord, as_text
from cefr_helpers.core.schema import (
    GATES,
    MEASURE_VERSION,
    ComparisonRecord,
    DatasetRecord,
    Generation,
    Part,
    TrainingRecord,
)
from cefr_helpers.evaluation import fluency

RECIPE = {
    "name": "cpu",
    "base_model": "bundled",
    "base_model_revision": None,
    "split": "words",
    "held_out_share": 0.2,
    "dev_share": 0.1,
    "train_examples": 240,
    "dev_examples": 12,
    "eval_examples": 24,
    "max_seq_length": 512,
    "load_in_4bit": False,
    "lora_rank": 32,
    "lora_alpha": 64,
    "lora_dropout": 0.05,
    "lora_target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
    "batch_size": 8,
    "gradient_accumulation_steps": 1,
    "learning_rate": 4e-4,
    "epochs": 2.0,
    "optimizer": "adamw_8bit",
    "lr_scheduler": "cosine",
    "warmup_ratio": 0.1,
    "weight_decay": 0.01,
    "max_grad_norm": 1.0,
    "gradient_checkpointing": False,
    "precision": "bf16",
    "loss_on": "completion",
    "target_word_weight": 4.0,
    "eval_steps": 15,
    "logging_steps": 5,
    "eval_batch_size": 8,
    "sample_prompts": 3,
    "max_new_tokens": 400,
}

_NOT_OF_TRAINING = ("name", "base_model", "base_model_revision", "split", "held_out_share", "dev_share")
_NOT_OF_TRAINING += (
    "train_examples",
    "dev_examples",
    "eval_examples",
    "max_seq_length",
    "sample_prompts",
    "max_new_tokens",
)


def change(part: Part, **values) -> None:
    """Change values of a part, checked against its fields; None makes a part empty."""
    checked = type(part).model_validate(values)
    for name in values:
        setattr(part, name, getattr(checked, name))


def make_record(name: str, level: str, results: dict, recipe: dict | None = None) -> AnyRecord:
    """A record around `results`: a "dataset", "training" or "comparison"."""
    values = {
        "schema": SCHEMA,
        "level": level,
        "created": "2026-11-22T17:11:05+00:00",
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "versions": {"python": "3.11.7", "torch": "2.13.0", "unsloth": "2026.10.9"},
        "hardware": {
            "cpu": "Example CPU 9000",
            "cores": 2,
            "memory_bytes": 16_700_000_000,
            "system": "Linux x86_64",
        },
        "seed": 42,
        "recipe": copy.deepcopy(recipe or RECIPE),
        "inputs": {},
        "results": copy.deepcopy(results),
    }
    return schema.RECORDS[name].model_validate(values)


def _audit(words: int, sentences: int, overlap: float, met: int, met_share: float) -> dict:
    seen = {"count": round(sentences * overlap), "share": overlap}
    return {
        "word_overlap": {"count": words if overlap else 0, "share": 1.0 if overlap else 0.0},
        "sentence_overlap": seen,
        "near_duplicates": seen,
        "held_out_words_in_training_sentences": {"count": met, "share": met_share},
    }


def _floor(completion: float, full_text: float) -> dict:
    nats = 10 * math.log(5)
    return {
        "sentences_per_word": 5.0,
        "completion": {"nats_per_example": nats, "nats_per_token": completion},
        "full_text": {"nats_per_example": nats + 68.3, "nats_per_token": full_text},
    }


def dataset(level: str = "B2", *, split: str = "words", overlap: float = 0.0) -> DatasetRecord:
    """A dataset record; `overlap` is the share of evaluation sentences that training has as well."""
    tokens = {"mean": 312.4, "p95": 350, "longest": 377, "truncated": 0}
    results = {
        "sentence_bank": {
            "name": "bundled",
            "words_read": 243,
            "sentences_read": 1215,
            "words": 240,
            "sentences": 1200,
            "dropped": [{"reason": "target_word_missing", "count": 15, "examples": ["bass1 | pipe: <b>low</b> sound"]}],
        },
        "placement": {
            "reads_like": "B1",
            "sentences": 500,
            "of": 1200,
            "mean": 3.374,
            "sd": 0.361,
            "within_one": 0.842,
            "furthest": [
                {"sentence": "The box | was <b>empty</b> `now`.", "score": 1.84},
                {"sentence": "She opened the window.", "score": 1.91},
            ],
        },
        "train_examples": 240,
        "dev_examples": 12,
        "eval_examples": 24,
        "words_per_example": 10,
        "words": {"train": 168, "dev": 24, "held_out": 48},
        "sentences": {"train": 840, "dev": 120, "held_out": 240},
        "unique_words_used": {"train": 167, "dev": 24, "eval": 47},
        "tokens": {"train": tokens, "dev": tokens, "eval": {"mean": 309.8, "p95": 347, "longest": 361, "truncated": 0}},
        "max_seq_length": 512,
        "sentence_words": {"mean": 17.1, "median": 17},
        "split": {"policy": split, "hash": "5f2c", "held_out_share": 0.2, "dev_share": 0.1},
        "leak_audit": _audit(47, 240, overlap, 19, 0.396),
        "dev_leak_audit": _audit(24, 120, overlap, 7, 0.292),
        "test_in_dev_leak_audit": _audit(47, 240, overlap, 3, 0.064),
        "memoriser_floor": _floor(0.0707, 0.2702),
        "dev_memoriser_floor": _floor(0.0713, 0.2711),
        "files": {
            part: f"formatted_data/{level}/training_data_{level.lower()}_list_format_{part}.json"
            for part in ("train", "dev", "eval")
        },
    }
    recipe = {**RECIPE, "split": split}
    return make_record("dataset", level, results, recipe)


EVALUATIONS = ((15, 0.5, 2.0143), (30, 1.0, 1.8721), (45, 1.5, 1.8009), (60, 2.0, 1.8062))
TRAIN_LOSSES = (2.6117, 2.3304, 2.1021, 2.0317, 1.9466, 1.9012, 1.8107, 1.7744, 1.7431, 1.7202, 1.7011, 1.6934)


def training(level: str = "B2") -> TrainingRecord:
    """A training record of 60 steps, best at step 45, slight rise at the end."""
    history = []
    for index, value in enumerate(TRAIN_LOSSES):
        step = 5 * (index + 1)
        rate = 4e-4 * (step / 6 if step < 6 else 0.5 * (1 + math.cos(math.pi * (step - 6) / 54)))
        norm = 1.9 - 0.11 * index + (0.3 if index % 3 == 0 else 0)
        entry = {"step": step, "epoch": round(step / 30, 4), "train_loss": value, "learning_rate": rate}
        history.append({**entry, "grad_norm": round(norm, 4)})
        history += [{"step": s, "epoch": e, "eval_loss": loss} for s, e, loss in EVALUATIONS if s == step]
    name = f"smollm2-135m-{level.lower()}-unsloth-v1"
    hyperparameters = {key: value for key, value in RECIPE.items() if key not in _NOT_OF_TRAINING}
    results = {
        "adapter": {
            "name": name,
            "path": f"user_data/loras/{name}",
            "files": {"adapter_config.json": "a1", "adapter_model.safetensors": "b2"},
        },
        "merged_model": {
            "name": f"{name}_merged",
            "path": f"user_data/models/{name}_merged",
            "files": {"config.json": "c3", "model.safetensors": "d4", "tokenizer.json": "e5"},
        },
        "base_model": {
            "name": "SmolLM2-135M-Instruct (de-quantised Q4_1)",
            "source": "bundled",
            "revision": None,
            "sha256": "ab" * 32,
        },
        "base_parameters": 134_515_008,
        "trainable_parameters": 9_768_960,
        "hyperparameters": {**hyperparameters, "optimizer": "adamw_torch_fused"},
        "differences_from_recipe": [
            {
                "setting": "optimizer",
                "asked": "adamw_8bit",
                "ran": "adamw_torch_fused",
                "why": "8-bit optimizers need a GPU",
            }
        ],
        "precision": "bf16",
        "device": "cpu",
        "device_reason": "no accelerator found",
        "duration_s": 345.8,
        "total_steps": 60,
        "steps_per_epoch": 30,
        "epochs": 2.0,
        "tokens": 149_952,
        "tokens_per_s": 433.6,
        "peak_memory_bytes": 4_100_000_000,
        "peak_gpu_memory_bytes": None,
        "history": history,
        "train_loss": {"first": 2.6117, "last": 1.6934, "reduction_pct": 35.16},
        "eval_loss": {"first": 2.0143, "best": 1.8009, "last": 1.8062, "reduction_pct": 10.59},
        "best": {"step": 45, "epoch": 1.5, "eval_loss": 1.8009},
        "merge_check": {
            "largest_difference_from_base_plus_adapter": 0.0001,
            "rounding_difference": 0.0351,
            "difference_from_base": 2.0757,
        },
        "resumed_from_step": None,
    }
    return make_record("training", level, results)


ANSWERED = {15: 0.3, 30: 0.45, 45: 0.35, 60: 0.45}  # step -> Joint Success on development prompts


def training_by_answers(level: str = "B2") -> TrainingRecord:
    """The same training, if it had kept the checkpoint that writes best: step 60, of two the one of lower loss."""
    values = training(level).as_dict()["results"]
    for row in values["history"]:
        if "eval_loss" in row:
            row |= {"joint_success": ANSWERED[row["step"]], "answers_s": 21.5}
    values["hyperparameters"]["keep_best_by"] = "joint_success"
    values["best"] = {"step": 60, "epoch": 2.0, "eval_loss": 1.8062, "joint_success": 0.45}
    values["dev_answers"] = {
        "measure_version": MEASURE_VERSION,
        "prompts": 2,
        "slots": 20,
        "evaluations": 4,
        "preparation_s": 4.0,
        "seconds_per_evaluation": 21.5,
        "seconds": 90.0,
    }
    return make_record("training", level, values, RECIPE | {"keep_best_by": "joint_success"})


def self_trained(level: str = "B2") -> TrainingRecord:
    """The same training, if it had gone on with sentences of its own."""
    values = training(level).as_dict()["results"]
    values["hyperparameters"]["self_training_examples"] = 84
    values["self_training"] = {
        "examples": 84,
        "own_examples": 42,
        "words": 210,
        "candidates": 1680,
        "sentences": 205,
        "writing_s": 231.0,
        "duration_s": 95.0,
        "learning_rate": 0.0003,
        "steps": 42,
        "eval_loss": 1.8234,
        "history": [{"step": 5, "epoch": 0.119, "train_loss": 1.7}, {"step": 42, "epoch": 1.0, "eval_loss": 1.8234}],
    }
    return make_record("training", level, values, RECIPE | {"self_training_examples": 84})


def _measured(base: float, tuned: float, characters_per_token: float, low: float, high: float) -> dict:
    def side(loss: float) -> dict:
        bits = loss / math.log(2) / characters_per_token
        return {"loss": loss, "perplexity": math.exp(loss), "bits_per_character": bits}

    return {
        "base": side(base),
        "tuned": side(tuned),
        "loss_reduction_pct": 100 * (base - tuned) / base,
        "perplexity_reduction_pct": 100 * (1 - math.exp(tuned - base)),
        "difference": {"estimate": tuned - base, "low": low, "high": high, "resamples": 10_000},
    }


def comparison(level: str = "B2") -> ComparisonRecord:
    """A comparison record; one answer of the base model is rubbish that would break a careless table."""
    nasty = "1. Component | <script>alert(1)</script> `code` $x$ *bold* [a](b)\n2. \x1b[31mred\u202e ![i](http://e.com)"
    words = ["abandon", "benefit", "cope", "debate", "enhance", "flaw", "grasp", "hesitate", "imply", "justify"]
    plain = "\n".join(f"{number}. The {word} is there." for number, word in enumerate(words, 1))
    good = "\n".join(f"{number}. They {word} it." for number, word in enumerate(words, 1))
    results = {
        "examples": 24,
        "tokens": {"completion": 5460, "full_text": 7435},
        "characters": {"completion": 23_478, "full_text": 31_970},
        "completion": _measured(2.3921, 1.8011, 4.3, -0.6343, -0.5512),
        "full_text": _measured(2.9015, 2.2207, 4.3, -0.7201, -0.6388),
        "memorisation": {
            "examples": 24,
            "base": 2.3817,
            "tuned": 1.7214,
            "estimate": 0.0693,
            "low": 0.0117,
            "high": 0.1271,
            "resamples": 10_000,
        },
        "agreement": {
            "training_best_eval_loss": 1.8009,
            "comparison_tuned_loss": 1.8011,
            "relative_difference": 0.0001,
        },
        "answers": [
            {"words": words, "reference": good, "base": nasty, "base_one_word": plain, "tuned": good} for _ in range(3)
        ],
    }
    return make_record("comparison", level, results)


RATES = {  # joint_success, valid, covered, level_ok, grammar_clean, not_copied, not_repetitive, exact_ten
    "base": (0.04, 0.62, 0.3, 0.34, 0.4, 0.62, 0.46, 0.4),
    "base_three_examples": (0.12, 0.7, 0.44, 0.4, 0.52, 0.66, 0.58, 0.6),
    "base_one_word": (0.16, 0.98, 0.66, 0.34, 0.74, 0.98, 0.9, 1.0),
    "tuned": (0.38, 0.94, 0.62, 0.74, 0.72, 0.92, 0.9, 0.8),
    "gold": (0.86, 1.0, 1.0, 0.96, 0.9, 1.0, 1.0, 1.0),
    "trivial": (0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0),
}
OTHERS = {  # control_error, bias, exact_accuracy, control_error_length_free, above_level_share, words_a_sentence,
    # distinct_2, self_bleu, gzip_ratio, ngrams_in_training, and those of variety
    "base": (4.213, -1.127, 0.18, 4.031, 0.113, 11.4, 0.81, 0.21, 2.31, 0.002, 0.39, 0.11, 0.02, 0.61, 0.94),
    "base_three_examples": (
        3.604,
        -0.911,
        0.24,
        3.555,
        0.121,
        12.2,
        0.83,
        0.19,
        2.27,
        0.004,
        0.41,
        0.2,
        0.0,
        0.53,
        0.93,
    ),
    "base_one_word": (3.11, -0.82, 0.2, 3.02, 0.141, 12.9, 0.79, 0.22, 2.3, 0.003, 0.08, 0.14, 0.0, 0.71, 0.95),
    "tuned": (1.142, -0.214, 0.52, 1.261, 0.187, 15.9, 0.88, 0.14, 2.12, 0.013, 0.29, 0.742, 0.0, 0.484, 0.912),
    "gold": (0.271, -0.043, 0.84, 0.352, 0.204, 17.3, 0.93, 0.08, 1.94, 0.006, 0.76, 0.06, 0.04, 0.032, 0.5),
    "trivial": (8.114, -2.871, 0.0, 7.732, None, 4.0, 0.41, None, 3.55, 0.0, 0.032, 0.0, 0.0, 1.0, 1.0),
}
LEVELS = {  # human_within_one; human_level, human_level_length_free, bank_level, each with the ends of its interval
    "base": (0.31, (2.14, 1.93, 2.35), (2.22, 2.01, 2.43), (2.87, 2.51, 3.23)),
    "base_three_examples": (0.36, (2.31, 2.08, 2.54), (2.34, 2.11, 2.57), (3.09, 2.74, 3.44)),
    "base_one_word": (0.4, (2.44, 2.21, 2.67), (2.51, 2.29, 2.73), (3.18, 2.95, 3.41)),
    "tuned": (0.58, (2.93, 2.71, 3.15), (2.97, 2.76, 3.18), (3.79, 3.56, 4.02)),
    "gold": (0.84, (3.37, 3.28, 3.46), (3.29, 3.21, 3.37), (3.96, 3.88, 4.04)),
    "trivial": (0.0, (1.13, 1.09, 1.17), (1.41, 1.32, 1.5), (1.13, 1.11, 1.15)),
}
MEAN_LEVELS = ("human_level", "human_level_length_free", "bank_level")
DIFFERENCES = {  # tuned - base: estimate, low, high, p
    "joint_success": (0.34, 0.163, 0.517, 0.0625),
    "valid": (0.32, 0.094, 0.546, 0.0625),
    "covered": (0.32, 0.071, 0.569, 0.0625),
    "level_ok": (0.4, 0.211, 0.589, 0.0625),
    "grammar_clean": (0.32, -0.022, 0.662, 0.125),
    "not_copied": (0.3, 0.08, 0.52, 0.0625),
    "not_repetitive": (0.44, 0.252, 0.628, 0.0625),
}
FROM_STRONGEST = {  # tuned - base with one word a prompt: estimate, low, high, p
    "joint_success": (0.22, 0.061, 0.379, 0.0625),
    "valid": (-0.04, -0.131, 0.051, 0.5),
    "covered": (-0.04, -0.252, 0.172, 0.8125),
    "level_ok": (0.4, 0.183, 0.617, 0.0625),
    "grammar_clean": (-0.02, -0.241, 0.201, 1.0),
    "not_copied": (-0.06, -0.162, 0.042, 0.375),
    "not_repetitive": (0.0, -0.114, 0.114, 1.0),
}
OTHER_NAMES = ("control_error", "bias", "exact_accuracy", "control_error_length_free", "above_level_share")
OTHER_NAMES += ("words_a_sentence", "distinct_2", "self_bleu", "gzip_ratio", "ngrams_in_training")
OTHER_NAMES += ("first_words", "target_place", "questions", "frames", "told_from_bank")
VOCABULARY = {  # within_next_level, unsuitable
    "base": (0.71, 1),
    "base_three_examples": (0.77, 0),
    "base_one_word": (0.81, 2),
    "tuned": (0.87, 1),
    "gold": (0.94, 0),
    "trivial": (1.0, 0),
}
CLOZE = {
    "base_one_word": (0.61, 0.78),
    "tuned": (0.74, 0.891),
    "gold": (0.831, 0.952),
}  # cloze_first, cloze_first_three


def _rate(value: float) -> dict:
    half = round(1.5 * math.sqrt(value * (1 - value) / 25), 3)  # none at 0 and 1, where all prompts agree
    return {"value": value, "low": max(0.0, round(value - half, 3)), "high": min(1.0, round(value + half, 3))}


def _measures(row: str) -> dict:
    rates = dict(zip(("joint_success", *GATES, "exact_ten"), RATES[row], strict=True))
    found = {name: _rate(value) for name, value in rates.items()}
    within_one, *means = LEVELS[row]
    found["human_within_one"] = _rate(within_one)
    found |= {
        name: dict(zip(("value", "low", "high"), ends, strict=True))
        for name, ends in zip(MEAN_LEVELS, means, strict=True)
    }
    alone = {"exact_ten": rates["exact_ten"], **dict(zip(OTHER_NAMES, OTHERS[row], strict=True))}
    alone |= dict(zip(("within_next_level", "unsuitable"), VOCABULARY[row], strict=True))
    alone |= dict(zip(("cloze_first", "cloze_first_three"), CLOZE.get(row, (None, None)), strict=True))
    return found | {name: {"value": value, "low": None, "high": None} for name, value in alone.items()}


def _slots_shown() -> list[dict]:
    words = ["abandon", "benefit", "cope", "debate", "enhance", "flaw", "grasp", "hesitate", "imply", "justify"]
    slots = [
        {
            "prompt": 1,
            "slot": n,
            "word": w,
            "sentence": f"They {w} it.",
            "score": 3.5 + 0.07 * n,
            "human_level": 2.6 + 0.05 * n,
            "failed": [],
        }
        for n, w in enumerate(words, 1)
    ]
    slots[1] |= {"sentence": "Gains | <b>came</b> to `all` $of$ us.", "failed": ["covered", "grammar_clean"]}
    slots[3] |= {"sentence": None, "score": None, "human_level": None, "failed": ["valid"]}
    slots[7] |= {"score": 1.94, "human_level": 1.62, "failed": ["level_ok"]}
    return slots


def generation() -> Generation:
    """What a comparison records of generated answers; gold and trivial have rates whose interval has no width."""
    values = {
        "measure_version": MEASURE_VERSION,
        "gate_quality": fluency.gate_quality(),
        "prompts": 5,
        "slots": 50,
        "words": 48,
        "decoding": "greedy",
        "max_new_tokens": 320,
        "measures": {row: _measures(row) for row in RATES},
        "differences": {
            name: dict(zip(("estimate", "low", "high", "p"), values, strict=True))
            for name, values in DIFFERENCES.items()
        },
        "openings": {
            "tuned": {"words": "The", "sentences": 33, "of": 47, "bank": 3},
            "gold": {"words": "The", "sentences": 4, "of": 50, "bank": 4},
        },
        "strongest_untuned": "base_one_word",
        "differences_from_strongest": {
            name: dict(zip(("estimate", "low", "high", "p"), values, strict=True))
            for name, values in FROM_STRONGEST.items()
        },
        "sentences_compared": 31,
        "slots_shown": _slots_shown(),
        "scores": {
            "base": [1.1 + 0.11 * n for n in range(31)],
            "base_one_word": [1.7 + 0.05 * n for n in range(49)],
            "tuned": [2.6 + 0.05 * n for n in range(47)],
            "gold": [3.3 + 0.03 * n for n in range(50)],
        },
        "human_scores": {
            "base_one_word": [1.5 + 0.04 * n for n in range(49)],
            "base": [1.0 + 0.07 * n for n in range(31)],
            "tuned": [2.2 + 0.03 * n for n in range(47)],
            "gold": [2.9 + 0.02 * n for n in range(50)],
        },
        "scorer": {
            "levels": ["A1", "A2", "B1", "B2", "C1"],
            "sentences": 4810,
            "folds": 5,
            "groups": 960,
            "full": {"qwk": 0.957, "accuracy": 0.813, "within_one": 0.993, "rmse": 0.41},
            "length_free": {"qwk": 0.889, "accuracy": 0.642, "within_one": 0.95, "rmse": 0.66},
            "length_only": {"qwk": 0.914, "accuracy": 0.705, "within_one": 0.97, "rmse": 0.58},
            "confusion": [[900 if i == j else 31 * (abs(i - j) == 1) for j in range(5)] for i in range(5)],
        },
        "file": "generations.csv",
    }
    return Generation.model_validate(values)


def with_answers(level: str = "B2") -> LevelRecords:
    """All three records of a level, with generated answers measured."""
    records = level_records(level)
    change(records.comparison.results, generation=generation())
    return records


def level_records(level: str = "B2", *, split: str = "words", overlap: float = 0.0) -> LevelRecords:
    """All three records of a level."""
    records = LevelRecords(level, dataset(level, split=split, overlap=overlap), training(level), comparison(level))
    for record in (records.training, records.comparison):
        record.recipe["split"] = split
    return records


def before_dev(level: str = "B2", *, split: str = "words", overlap: float = 0.0) -> LevelRecords:
    """All three records of a level as they were before there were development words."""
    records = level_records(level, split=split, overlap=overlap)
    found = records.dataset.results
    old = {key: value for key, value in found.as_dict().items() if not key.startswith(("dev_", "test_in_dev"))}
    for key in ("words", "sentences", "unique_words_used", "tokens", "files"):
        old[key].pop("dev")
    old["split"].pop("dev_share")
    records.dataset.results = type(found).model_validate(old)
    for record in (records.dataset, records.training, records.comparison):
        for key in ("dev_share", "dev_examples"):
            record.recipe.pop(key)
    return records


def training_alone(level: str = "B2") -> LevelRecords:
    """A level with only a training record."""
    return LevelRecords(level, training=training(level))


REFERENCE_EVALUATIONS = ((50, 1.72, 0.61), (100, 3.45, 0.42), (150, 5.17, 0.36), (200, 6.90, 0.34), (250, 8.62, 0.35))
REFERENCE_TRAIN = ((10, 0.34, 1.83), (50, 1.72, 0.72), (100, 3.45, 0.48), (150, 5.17, 0.38), (200, 6.90, 0.32))


def reference_b2() -> LevelRecords:
    """The reference project's B2 run.

    Published: examples, rank to optimizer, steps, epochs of the evaluations, time, best evaluation, first and last
    training loss, base and tuned loss and perplexity, both reductions. Made up, since it is not known here: the other
    evaluation and training losses (and the reductions worked out from them), and the data record beyond the examples.
    """
    records = before_dev("B2", split="examples", overlap=0.94)
    results = records.training.results
    train = [*REFERENCE_TRAIN, (250, 8.62, 0.29), (290, 10.0, 0.28)]
    history = [{"step": step, "epoch": epoch, "train_loss": loss} for step, epoch, loss in train]
    history += [{"step": step, "epoch": epoch, "eval_loss": loss} for step, epoch, loss in REFERENCE_EVALUATIONS]
    change(
        results,
        history=sorted(history, key=lambda row: (row["step"], "eval_loss" in row)),
        duration_s=390,
        total_steps=290,
        steps_per_epoch=29,
        epochs=10.0,
        train_loss={"first": 1.83, "last": 0.28, "reduction_pct": 84.7},
        eval_loss={"first": 0.61, "best": 0.34, "last": 0.35, "reduction_pct": 44.3},
        best={"step": 200, "epoch": 6.90, "eval_loss": 0.34},
        base_model={"name": "Llama-3.2-1B-Instruct"},
        trainable_parameters=None,
    )
    results.hyperparameters |= {
        "lora_rank": 128,
        "lora_alpha": 256,
        "lora_dropout": 0.05,
        "batch_size": 16,
        "gradient_accumulation_steps": 4,
        "learning_rate": 2e-4,
        "epochs": 10.0,
        "optimizer": "adamw_8bit",
        "warmup_ratio": 0.1,
        "load_in_4bit": True,
        "eval_steps": 50,
    }
    part = {
        "base": {"loss": 2.34, "perplexity": 10.33},
        "tuned": {"loss": 0.65, "perplexity": 1.91},
        "loss_reduction_pct": 72.2,
        "perplexity_reduction_pct": 81.5,
        "difference": None,
    }
    agreement = {"training_best_eval_loss": 0.34, "comparison_tuned_loss": 0.65, "relative_difference": 0.9118}
    found = {"examples": 200, "completion": part, "full_text": None, "agreement": agreement, "answers": []}
    change(records.comparison, results=found)
    change(records.dataset.results, train_examples=1800, eval_examples=200)
    return records


def write_record(path: Path, record: AnyRecord) -> Path:
    """The record's file, with the text that a stage writes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(as_text(record.as_dict()), encoding="utf-8")
    return path


def write_records(workspace: Workspace, records: LevelRecords) -> None:
    """The files of a level's records, but of those that are empty."""
    for name in schema.RECORDS:
        if record := getattr(records, name):
            write_record(workspace.record(records.level, name), record)


def write_experiment(workspace, name: str, axes: dict[str, list], levels: list[str], reached) -> None:
    """An experiment's plan, and the records of its runs.

    Args:
        axes: "recipe", fields and "seed" -> values.
        reached: (level, values) -> the tuned completion loss, or None for a run that has no records; the loss on
            development words is .1 lower.
    """
    runs = []
    for chosen in itertools.product(*axes.values()):
        values = dict(zip(axes, chosen, strict=True))
        run = "_".join([values["recipe"], *(f"{axis}-{value}" for axis, value in values.items() if axis != "recipe")])
        runs.append({"name": run, "values": values})
        for level in levels:
            loss = reached(level, values)
            if loss is not None:
                _write_run(workspace.experiment(name) / run / "runs" / level, level, loss)
    plan = {"name": name, "levels": levels, "axes": axes, "runs": runs}
    path = workspace.experiment_plan(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(plan))


def _write_run(folder: Path, level: str, loss: float) -> None:
    compared = comparison(level)
    change(
        compared.results,
        completion=_measured(loss + 0.6, loss, 4.3, -0.7, -0.5),
        generation={"measures": {"tuned": {"joint_success": {"value": 1 - loss / 4}}}},
        agreement={"comparison_tuned_loss": loss - 0.1, "comparison_bits_per_character": (loss - 0.1) / 3},
    )
    write_record(folder / "dataset.json", dataset(level))
    write_record(folder / "training.json", training(level))
    write_record(folder / "comparison.json", compared)
