"""Write model cards that follow the hub's conventions: README.md in the folders of adapter and merged model."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from cefr_helpers.core import files, levels, paths
from cefr_helpers.core.level_records import LevelRecords, gguf_exports, read_trained
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.ratings import RatingsRecord
from cefr_helpers.core.records import AnyRecord
from cefr_helpers.core.schema import ComparisonRecord, DatasetRecord
from cefr_helpers.notes import facts, level_tables, observations, readers, verdicts
from cefr_helpers.rendering import escaping, templates
from cefr_helpers.rendering.escaping import Markdown
from cefr_helpers.rendering.locale import Locale

FILE = "README.md"
# A card without this line belongs to the user and is not changed.
MARK = "<!-- Made from the training's records and made again with them. To keep changes of yours, remove this line. -->"
_KINDS = {"adapter": "adapter_config.json", "merged_model": "config.json"}
_LICENCES = {  # pattern of a base model's id -> the hub's name of its licence, and its full name
    r"HuggingFaceTB/SmolLM2-.*": ("apache-2.0", "Apache-2.0"),
    r".*\bLlama-3\.2-.*": ("llama3.2", "Llama 3.2 Community License"),
}
_BANK_LICENCES = {"bundled": "CC0 1.0"}
_UNKNOWN_BANK = "not recorded; ask whoever made it"
_BUILT_WITH_LLAMA = "Built with Llama."
WORDS = ("abandon", "benefit", "cope", "debate", "enhance", "flaw", "grasp", "hesitate", "imply", "justify")


def write_cards(workspace: Workspace, level: str) -> list[Path]:
    """Write the cards of the level's adapter and merged model; a missing folder is ignored.

    No card is written into an adopted folder, since it belongs to another program, or over a card without MARK.

    Raises:
        InputError: the level has no training record, or a record is broken.
    """
    records = of_one_training(workspace, levels.check_level(level))
    written = []
    for kind, needed in _KINDS.items():
        place = getattr(records.training.results, kind).path
        if place is None or records.adopted:
            continue
        path = paths.resolve(place) / FILE
        if (path.parent / needed).is_file() and (not path.is_file() or MARK in path.read_text(encoding="utf-8")):
            written.append(files.write_atomically(path, card(workspace, records, kind)))
    return written


def card(workspace: Workspace, records: LevelRecords, kind: str) -> str:
    """Return a model card: YAML header and Markdown, in English.

    Args:
        workspace: the folders; of its files only the records of exports are read.
        records: the training record, and those of data and comparison that belong to it.
        kind: "adapter" or "merged_model".
    """
    locale = level_tables.locale_for({records.level: records}, "en")
    body = templates.render("model_card.md.j2", locale, _body(workspace, records, kind, locale))
    return f"---\n{_header(records, kind)}\n---\n\n{body}"


def of_one_training(workspace: Workspace, level: str) -> LevelRecords:
    """Return the level's records without those of another training, by the hashes in them."""
    records = read_trained(workspace, level)

    def made_from(record: AnyRecord, name: str) -> bool:
        return files.sha256(workspace.record(level, name)) in record.inputs.values()

    if records.comparison and not made_from(records.comparison, "training"):
        records = replace(records, comparison=ComparisonRecord())
    if records.dataset and not made_from(records.training, "dataset"):
        records = replace(records, dataset=DatasetRecord())
    if readers.is_stale(records):
        records = replace(records, ratings=RatingsRecord())
    return records


def _header(records: LevelRecords, kind: str) -> str:
    from huggingface_hub import ModelCardData

    name, base = getattr(records.training.results, kind).name, hub_id(records)
    data = ModelCardData(
        language="en",
        license=_licence(base)[0],
        library_name="peft" if kind == "adapter" else "transformers",
        pipeline_tag="text-generation",
        base_model=base,
        base_model_relation=None if base is None else "adapter" if kind == "adapter" else "finetune",
        tags=["cefr", f"cefr-{records.level.lower()}", "language-learning", "lora", "sft", "trl", "unsloth"],
        model_name=name,
        eval_results=_results(records) or None,
    )
    return data.to_yaml(line_break="\n").strip()


def _results(records: LevelRecords) -> list:
    """Return the figures for the hub's model index, without their intervals, which are in the text."""
    from huggingface_hub import EvalResult

    tuned = records.comparison.results.completion.tuned
    about: dict[str, Any] = {
        "task_type": "text-generation",
        "dataset_type": "sentence-bank",
        "dataset_split": "test examples",
    }
    about["dataset_name"] = f"Sentence bank, CEFR level {records.level}"
    kinds = {"loss": "Completion loss (nats per token)", "perplexity": "Completion perplexity"}
    return [
        EvalResult(**about, metric_type=key, metric_name=name, metric_value=round(value, 4))
        for key, name in kinds.items()
        if (value := getattr(tuned, key)) is not None
    ]


def hub_id(records: LevelRecords) -> str | None:
    """Return the base's id on the hub; None for a local folder, whose name means nothing there."""
    found = records.training.results.base_model.identifier or ""
    return found if re.fullmatch(r"[\w.-]+/[\w.-]+", found) else None


def _licence(base: str | None) -> tuple[str | None, str]:
    known = (names for pattern, names in _LICENCES.items() if re.fullmatch(pattern, base or ""))
    return next(known, (None, "not recorded; the base model's own applies"))


def licences(records: LevelRecords) -> str:
    """Return the licences of base model and sentence bank, one line each, and the notice that the base's requires."""
    base = hub_id(records)
    bank = _BANK_LICENCES.get(records.dataset.results.sentence_bank.name or "", _UNKNOWN_BANK)
    lines = [f"Base model{f' {base}' if base else ''}: {_licence(base)[1]}", f"Sentence bank: {bank}"]
    return "\n".join([*lines, *([_BUILT_WITH_LLAMA] if _licence(base)[0] == "llama3.2" else [])])


def _body(workspace: Workspace, records: LevelRecords, kind: str, locale: Locale) -> dict:
    base, bank = hub_id(records), records.dataset.results.sentence_bank.name
    licence, licence_text = _licence(base)
    return {
        **facts.of_level(records, locale),
        "mark": Markdown(MARK),
        "kind": kind,
        "name": getattr(records.training.results, kind).name,
        "task": task(records.level),
        "built_with": _BUILT_WITH_LLAMA if licence == "llama3.2" else None,
        "verdict": observations.verdict(records, locale),
        "people": verdicts.people(records, locale),
        "printable": readers.printable(records, locale),
        "hub_id": base,
        "licence": licence_text,
        "bank_licence": _BANK_LICENCES.get(bank or "", _UNKNOWN_BANK),
        "inputs": {**records.dataset.inputs, **records.training.inputs},
        "exports": gguf_exports(workspace, records),
        "usage": _usage(records, kind),
    }


def task(level: str) -> str:
    """Return what a model of the level does, as the end of a sentence."""
    return (
        f"writes an English example sentence of CEFR level {level} ({levels.NAMES['en'][level]}) for each of ten words"
    )


def _usage(records: LevelRecords, kind: str) -> Markdown:
    longest = records.training.recipe.get("max_new_tokens") or 320
    name = json.dumps(getattr(records.training.results, kind).name, ensure_ascii=False)
    load = f"""folder = {name}  # this folder
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")"""
    if kind == "adapter":
        load = f"""base = {json.dumps(hub_id(records) or "the base model's folder")}
tokenizer = AutoTokenizer.from_pretrained(base)
model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
model = PeftModel.from_pretrained(model, {name})  # this folder"""
    imports = "from peft import PeftModel\n" if kind == "adapter" else ""
    code = f"""{imports}from transformers import AutoModelForCausalLM, AutoTokenizer

{load}

words = {json.dumps(WORDS)}
numbered = "\\n".join(f"{{n}}. {{word}}" for n, word in enumerate(words, 1))
prompt = f\"\"\"Generate {records.level}-level English sentences for these {{len(words)}} words:
{{numbered}}

Write one sentence for each word, numbered 1 to {{len(words)}}.\"\"\"
chat = [{{"role": "user", "content": prompt}}]
inputs = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
answer = model.generate(**inputs, max_new_tokens={longest}, do_sample=False)
print(tokenizer.decode(answer[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))"""
    return escaping.code_block(code, "python")
