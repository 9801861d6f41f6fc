"""The workload of all rows: one model and one set of examples, in files that peers can read without this suite."""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks.settings import Settings
from cefr_helpers.core import records
from cefr_helpers.core.files import aside_of, sha256, write_atomically
from cefr_helpers.core.paths import project_root
from cefr_helpers.data import banks as sentence_bank
from cefr_helpers.data import formatting, splitting
from cefr_helpers.models import base_model, merging, prompts

HELD_OUT_SHARE = 0.2
DEV_SHARE = 0.1


@dataclass(frozen=True)
class Workload:
    """Files of a benchmark.

    Attributes:
        folder: folder of the files, the programs' output, and the measurements.
        model: the base model's folder in Hugging Face format, which older libraries can read too.
        gguf: the same model in llama.cpp's format, in 4 bits.
        description: for the results: hashes and counts, no text.
    """

    folder: Path
    model: Path
    gguf: Path
    description: dict

    def file(self, name: str) -> Path:
        """ "train", "eval" or "short": examples as this suite has them; "rows", "eval_rows": as tokens and text."""
        return self.folder / f"{name}.json"


def prepare(settings: Settings, root: Path) -> Workload:
    """Write the files, in a folder under `root` whose name depends on settings, data, code and machine.

    Raises:
        InputError: the bank cannot be used, or the bundled model is missing.
    """
    files = sentence_bank.find(settings.bank, settings.level)
    base = base_model.resolve("bundled")
    examples = _examples(settings, sentence_bank.read_all(files))
    tokenizer = base_model.load_tokenizer(base)
    rows, eval_rows = (_rows(tokenizer, examples[part], settings) for part in ("train", "eval"))
    lengths = [len(row["input_ids"]) for row in rows]
    taught = [sum(label != -100 for label in row["labels"]) for row in rows]
    description = {
        "model": base.describe(),
        "bank_sha256": sha256(files[settings.level]),
        "examples": {name: len(found) for name, found in examples.items()},
        "training_tokens": sum(lengths),
        "completion_tokens": sum(taught),
        "longest_example_tokens": max(lengths),
    }
    folder = root / _fingerprint(settings, description)
    for name, content in (*examples.items(), ("rows", rows), ("eval_rows", eval_rows), ("workload", description)):
        write_atomically(folder / f"{name}.json", json.dumps(content, ensure_ascii=False))
    return Workload(folder, _portable(base.folder, folder / "base"), base_model.bundled_file(), description)


def _portable(base: Path, folder: Path) -> Path:
    """Write the base model so that transformers 4, which some peers use, can read it too; the weights are links."""
    if not folder.is_dir():
        aside = aside_of(folder)
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(base, aside, ignore=shutil.ignore_patterns("*.safetensors"))
        for weights in base.glob("*.safetensors"):
            (aside / weights.name).symlink_to(weights.resolve())
        merging.make_portable(aside)
        aside.rename(folder)
    return folder


def _examples(settings: Settings, banks: dict) -> dict[str, list[dict]]:
    """Return examples for training, held-out ones, and short held-out ones for the growth of scoring."""
    split = splitting.split_groups(banks, "words", HELD_OUT_SHARE, DEV_SHARE, settings.seed)
    bank, level, seed = banks[settings.level], settings.level, settings.seed
    held_out = max(settings.loss_examples, settings.evaluation_examples, settings.prompts)
    draw = formatting.draw_examples
    return {
        "train": list(draw(bank, split, level, "train", settings.train_examples, seed, settings.words)),
        "eval": list(draw(bank, split, level, "eval", held_out, seed, settings.words)),
        "short": list(draw(bank, split, level, "eval", max(settings.scoring_sizes), seed, settings.short_words)),
    }


def _rows(tokenizer, examples: list[dict], settings: Settings) -> list[dict]:
    rows = prompts.training_rows(tokenizer, examples, settings.max_seq_length, "completion")
    for row, example in zip(rows, examples, strict=True):
        first = row["labels"].count(-100)
        row["prompt"] = tokenizer.decode(row["input_ids"][:first])
        row |= {key: example[key] for key in ("instruction", "input", "output")}
    return rows


def _fingerprint(settings: Settings, description: dict) -> str:
    """Return a fingerprint: measurements resume only under the same one."""
    root = project_root()
    sources = [path for name in ("benchmarks", "cefr_helpers") for path in sorted((root / name).rglob("*.py"))]
    sources += [*sorted((root / "benchmarks" / "peers").glob("*.txt")), root / "constraints.txt"]
    parts = {
        "settings": settings.as_record(),
        "workload": description,
        "machine": {key: records.hardware().get(key) for key in ("cpu", "cores", "gpu")},
        "code": [sha256(path) for path in sources],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]
