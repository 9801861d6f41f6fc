"""The fact tables of a results note: head, data, training, hyperparameters as they ran."""

from cefr_helpers.core import levels
from cefr_helpers.core.schema import LevelRecords, adopted, best, find, model_name
from cefr_helpers.notes import observations
from cefr_helpers.rendering import escaping, locale, tables
from cefr_helpers.rendering.locale import Locale

LORA = ("lora_rank", "lora_alpha", "lora_dropout", "lora_target_modules")
TRAINING = (
    "batch_size",
    "gradient_accumulation_steps",
    "effective_batch_size",
    "learning_rate",
    "epochs",
    "optimizer",
    "lr_scheduler",
    "warmup_ratio",
    "weight_decay",
    "max_grad_norm",
    "max_seq_length",
    "load_in_4bit",
    "precision",
    "gradient_checkpointing",
    "loss_on",
    "target_word_weight",
    "eval_steps",
    "logging_steps",
    "eval_batch_size",
    "seed",
)


def head(held: LevelRecords, words: Locale) -> str:
    """Date, model, method, level, commit, recipe."""
    text, record = words.phrases["facts"], held.training
    in_4bit = find(record, "results.hyperparameters.load_in_4bit")
    facts = [
        ("date", trained_on(held, words)),
        ("model", escaping.markdown(model_name(held) or words.unknown)),
        ("method", words.unknown if in_4bit is None else text["methods"]["qlora" if in_4bit else "lora"]),
        ("level", f"{held.level} ({levels.NAMES[words.language][held.level]})"),
        ("commit", trained_at(held, words)),
        ("recipe", escaping.markdown(find(record, "recipe.name") or words.unknown)),
    ]
    if adopted(held):
        facts.append(("adopted", escaping.code(find(record, "results.adopted.read"))))
    return _facts(facts, words)


def trained_on(held: LevelRecords, words: Locale) -> str:
    """The day of the training; unknown for one that was taken in."""
    return words.unknown if adopted(held) else locale.date(find(held.training, "created"), words)


def trained_at(held: LevelRecords, words: Locale) -> str:
    """The first twelve digits of the training's commit, and whether there were changes on top."""
    name = find(held.training, "commit")
    if adopted(held) or name in (None, "unknown"):
        return words.unknown
    digits, _, changes = name.partition("+")
    short = escaping.code(digits[:12])
    return words.phrases["facts"]["changed"].format(commit=short) if changes else short


def data(held: LevelRecords, words: Locale) -> str | None:
    """Examples, words, sentences, tokens, split; None without a dataset record."""
    found = find(held.dataset, "results")
    if found is None:
        return None
    text = words.phrases["facts"]
    policy = find(found, "split.policy")
    counts = {key: locale.whole(find(found, f"{key}_examples"), words) for key in ("train", "eval")}
    form = locale.whole(find(found, "words_per_example"), words)
    cut = locale.whole(find(found, "tokens.train.truncated"), words)
    length = locale.whole(find(found, "max_seq_length"), words)
    facts = [
        ("bank", _bank(found, words)),
        ("examples", text["train_and_eval"].format(**counts)),
        ("words", _words(found, words)),
        ("sentences", text["sentences_split"].format(**_wholes(find(found, "sentences"), words))),
        ("format", text["format_value"].format(n=form)),
        ("tokens", _tokens(found, words)),
        ("max_length", text["max_length_value"].format(n=length, truncated=cut)),
        ("sentence_length", text["mean_and_median"].format(**_lengths(found, words))),
        ("split", text["splits"].get(policy, words.unknown)),
    ]
    return _facts(facts, words)


def leaks(held: LevelRecords, words: Locale) -> str | None:
    """The leak audit as a table."""
    found = find(held.dataset, "results.leak_audit")
    if not found:
        return None
    text = words.phrases["note"]
    rows = [
        [name, locale.whole(find(found, f"{key}.count"), words), locale.share(find(found, f"{key}.share"), words)]
        for key, name in words.phrases["leaks"].items()
    ]
    return tables.markdown_table([text["leak"], text["count"], text["share"]], rows, numbers_from=1)


def dropped(held: LevelRecords, words: Locale) -> str | None:
    """What cleaning the bank changed or left out, with an example each."""
    found = find(held.dataset, "results.sentence_bank.dropped")
    if not found:
        return None
    text = words.phrases["note"]
    rows = [
        [
            escaping.markdown(words.phrases["reasons"].get(row["reason"], row["reason"].replace("_", " "))),
            locale.whole(row["count"], words),
            escaping.markdown(escaping.shortened(row["examples"][0], 120)) if row.get("examples") else "",
        ]
        for row in found
    ]
    return tables.markdown_table([text["reason"], text["count"], text["such_as"]], rows)


def training(held: LevelRecords, words: Locale) -> str:
    """Duration, steps, losses, speed, memory, hardware, versions."""
    found, text = find(held.training, "results"), words.phrases["facts"]
    facts = [
        ("duration", locale.duration(find(found, "duration_s"), words)),
        ("steps", _steps(found, words)),
        ("train_loss", _change(found, "train_loss", "first_to_last", words)),
        ("eval_loss", _change(found, "eval_loss", "first_to_best", words)),
        ("best", _best(held, words)),
        ("speed", _unless_unknown(find(found, "tokens_per_s"), text["speed_value"], words)),
        ("tokens_seen", locale.whole(find(found, "tokens"), words)),
        ("memory", locale.gigabytes(find(found, "peak_memory_bytes"), words)),
        ("parameters", _parameters(found, words)),
        ("hardware", words.unknown if adopted(held) else _hardware(held, words)),
        ("device", _device(found, words)),
        ("versions", words.unknown if adopted(held) else _versions(held)),
    ]
    if find(found, "peak_gpu_memory_bytes") is not None:
        facts.insert(8, ("gpu_memory", locale.gigabytes(found["peak_gpu_memory_bytes"], words)))
    if find(found, "resumed_from_step"):
        facts.append(("resumed", text["resumed_value"].format(step=locale.whole(found["resumed_from_step"], words))))
    if find(found, "merge_check") is not None:
        facts.append(("merge_check", _merge(found["merge_check"], words)))
    return _facts(facts, words)


def _facts(facts: list[tuple[str, str]], words: Locale) -> str:
    text = words.phrases["facts"]
    return tables.markdown_table([text["item"], text["value"]], [[text[key], value] for key, value in facts])


def _bank(found: dict, words: Locale) -> str:
    bank = find(found, "sentence_bank") or {}
    counts = {key: bank.get(key) for key in ("words", "sentences", "words_read", "sentences_read")}
    name = escaping.code(bank.get("name") or words.unknown)
    return words.phrases["facts"]["bank_size"].format(name=name, **_wholes(counts, words))


def _words(found: dict, words: Locale) -> str:
    counts = _wholes(find(found, "words"), words)
    used = {f"{part}_used": locale.whole(find(found, f"unique_words_used.{part}"), words) for part in ("train", "eval")}
    key = "words_used" if find(found, "split.policy") == "words" else "words_shared"
    return words.phrases["facts"][key].format(**counts, **used)


def _tokens(found: dict, words: Locale) -> str:
    train, held_out = find(found, "tokens.train") or {}, find(found, "tokens.eval") or {}
    return words.phrases["facts"]["token_figures"].format(
        mean=locale.decimal(train.get("mean"), 1, words),
        p95=locale.whole(train.get("p95"), words),
        longest=locale.whole(train.get("longest"), words),
        eval_mean=locale.decimal(held_out.get("mean"), 1, words),
        eval_longest=locale.whole(held_out.get("longest"), words),
    )


def _lengths(found: dict, words: Locale) -> dict[str, str]:
    return {key: locale.decimal(find(found, f"sentence_words.{key}"), 1, words) for key in ("mean", "median")}


def _wholes(counts: dict, words: Locale) -> dict[str, str]:
    return {key: locale.whole(value, words) for key, value in counts.items()}


def _steps(found: dict, words: Locale) -> str:
    return words.phrases["facts"]["steps_value"].format(
        total=locale.whole(find(found, "total_steps"), words),
        per_epoch=locale.whole(find(found, "steps_per_epoch"), words),
        epochs=locale.plain(find(found, "epochs"), words),
    )


def _change(found: dict, key: str, phrase: str, words: Locale) -> str:
    losses = find(found, key) or {}
    if losses.get("first") is None:
        return words.unknown
    figures = {name: locale.loss(losses.get(name), words) for name in ("first", "best", "last")}
    reduction = locale.percent(losses.get("reduction_pct"), words)
    return words.phrases["facts"][phrase].format(reduction=reduction, **figures)


def _best(held: LevelRecords, words: Locale) -> str:
    lowest = best(held)
    if lowest is None:
        return words.unknown
    return words.phrases["facts"]["best_value"].format(**observations.best_figures(lowest, words))


def _unless_unknown(value: float | None, phrase: str, words: Locale) -> str:
    return words.unknown if value is None else phrase.format(n=locale.whole(value, words))


def _parameters(found: dict, words: Locale) -> str:
    trainable, base = find(found, "trainable_parameters"), find(found, "base_parameters")
    if trainable is None:
        return words.unknown
    shown = locale.whole(trainable, words)
    if base is None:
        return shown
    total = locale.whole(base + trainable, words)
    return words.phrases["facts"]["parameters_value"].format(trainable=shown, total=total)


def _hardware(held: LevelRecords, words: Locale) -> str:
    machine, text = find(held.training, "hardware") or {}, words.phrases["facts"]
    shown = text["hardware_value"].format(
        cpu=escaping.markdown(machine.get("cpu") or words.unknown),
        cores=locale.whole(machine.get("cores"), words),
        memory=locale.gigabytes(machine.get("memory_bytes"), words),
    )
    if not machine.get("gpu"):
        return shown
    memory = locale.gigabytes(machine.get("gpu_memory_bytes"), words)
    return f"{shown}; {text['gpu'].format(name=escaping.markdown(machine['gpu']), memory=memory)}"


def _device(found: dict, words: Locale) -> str:
    device, reason = find(found, "device"), find(found, "device_reason")
    if device is None:
        return words.unknown
    why = words.phrases["recorded_texts"].get(reason) or escaping.markdown(reason or "")
    return f"{escaping.code(device)} ({why})" if why else escaping.code(device)


def _versions(held: LevelRecords) -> str:
    versions = find(held.training, "versions") or {}
    return ", ".join(escaping.markdown(f"{name} {version}") for name, version in versions.items())


def _merge(found: dict, words: Locale) -> str:
    keys = {
        "same": "largest_difference_from_base_plus_adapter",
        "rounding": "rounding_difference",
        "base": "difference_from_base",
    }
    figures = {name: locale.plain(find(found, key), words) for name, key in keys.items()}
    return words.phrases["facts"]["merge_value"].format(**figures)


def hyperparameters(held: LevelRecords, keys: tuple[str, ...], words: Locale) -> str:
    """Hyperparameters as they ran, under their readable names."""
    ran = dict(find(held.training, "results.hyperparameters") or {})
    sizes = (ran.get("batch_size"), ran.get("gradient_accumulation_steps"))
    ran["effective_batch_size"] = None if None in sizes else sizes[0] * sizes[1]
    ran.setdefault("max_seq_length", find(held.training, "recipe.max_seq_length"))
    ran["seed"] = find(held.training, "seed")
    rows = [[words.phrases["settings"][key], setting(ran.get(key), words)] for key in keys]
    return tables.markdown_table([words.phrases["note"]["setting"], words.phrases["note"]["value"]], rows)


def setting(value: object, words: Locale) -> str:
    """A setting's value as Markdown."""
    if isinstance(value, list):
        return ", ".join(escaping.code(part) for part in value)
    if isinstance(value, str):
        known = words.phrases["recorded_texts"].get(value)
        return known or escaping.code(value)
    return locale.plain(value, words)


def differences(held: LevelRecords, words: Locale) -> str | None:
    """What ran otherwise than the recipe asks, and why."""
    found = find(held.training, "results.differences_from_recipe")
    if not found:
        return None
    text = words.phrases["note"]
    rows = []
    for row in found:
        why = words.phrases["recorded_texts"].get(row["why"]) or escaping.markdown(row["why"])
        name = words.phrases["settings"].get(row["setting"]) or escaping.markdown(row["setting"])
        rows.append([name, setting(row["asked"], words), setting(row["ran"], words), why])
    return tables.markdown_table([text["setting"], text["asked"], text["ran"], text["why"]], rows)
