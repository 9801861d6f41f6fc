"""The fact tables of a results note: head, data, training, hyperparameters as they ran."""

from cefr_helpers.core import levels
from cefr_helpers.core.level_records import LevelRecords
from cefr_helpers.core.schema import ChatInfo, DatasetResults, Leak, LeakAudit, LossChange, MergeCheck, TrainingResults
from cefr_helpers.notes import observations
from cefr_helpers.rendering import escaping, tables
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


def head(records: LevelRecords, locale: Locale) -> str:
    """Date, model, method, level, commit, recipe."""
    text, record = locale.phrases["facts"], records.training
    in_4bit = record.results.hyperparameters.get("load_in_4bit")
    facts = [
        ("date", trained_on(records, locale)),
        ("model", escaping.markdown(records.model_name or locale.unknown)),
        ("method", locale.unknown if in_4bit is None else text["methods"]["qlora" if in_4bit else "lora"]),
        ("level", f"{records.level} ({levels.NAMES[locale.language][records.level]})"),
        ("commit", trained_at(records, locale)),
        ("recipe", escaping.markdown(record.recipe.get("name") or locale.unknown)),
    ]
    if records.adopted:
        facts.append(("adopted", escaping.code(record.results.adopted.read)))
    return _facts(facts, locale)


def trained_on(records: LevelRecords, locale: Locale) -> str:
    """The day of the training; unknown for one that was taken in."""
    return locale.unknown if records.adopted else locale.date(records.training.created)


def trained_at(records: LevelRecords, locale: Locale) -> str:
    """The first twelve digits of the training's commit, and whether there were changes on top."""
    name = records.training.commit
    if records.adopted or name in (None, "unknown"):
        return locale.unknown
    digits, _, changes = name.partition("+")
    short = escaping.code(digits[:12])
    return locale.phrases["facts"]["changed"].format(commit=short) if changes else short


def data(records: LevelRecords, locale: Locale) -> str | None:
    """Examples, words, sentences, tokens, split; None without a dataset record."""
    found = records.dataset.results
    if not found:
        return None
    text = locale.phrases["facts"]
    policy = found.split.policy
    counts = {key: locale.whole(getattr(found, f"{key}_examples")) for key in ("train", "dev", "eval")}
    parts = found.dev_examples is not None
    sentences = "sentences_in_parts" if parts else "sentences_split"
    form = locale.whole(found.words_per_example)
    cut = locale.whole(found.tokens.train.truncated)
    length = locale.whole(found.max_seq_length)
    facts = [
        ("bank", _bank(found, locale)),
        ("examples", text["train_dev_and_eval" if parts else "train_and_eval"].format(**counts)),
        ("words", _words(found, locale)),
        ("sentences", text[sentences].format(**_wholes(dict(found.sentences), locale))),
        ("format", text["format_value"].format(n=form)),
        ("tokens", _tokens(found, locale)),
        ("max_length", text["max_length_value"].format(n=length, truncated=cut)),
        ("sentence_length", text["mean_and_median"].format(**_lengths(found, locale))),
        ("split", text["splits"].get(policy, locale.unknown)),
    ]
    return _facts(facts, locale)


def leaks(records: LevelRecords, locale: Locale) -> str | None:
    """The leak audit as a table with what it counts before it; of older records that of training and test alone."""
    found, text = records.dataset.results, locale.phrases["note"]
    if not found.leak_audit:
        return None
    if not found.dev_leak_audit:
        return f"{text['leak_audit']}\n\n{_leaks_of_test(found.leak_audit, locale)}"
    rows = [
        [name, *(_leak(getattr(getattr(found, pair), key), locale) for pair in text["leak_pairs"])]
        for key, name in locale.phrases["leaks_of_parts"].items()
    ]
    headings = [text["leak"], *text["leak_pairs"].values()]
    return f"{text['leak_audit_of_parts']}\n\n{tables.markdown_table(headings, rows, numbers_from=1)}"


def _leak(leak: Leak, locale: Locale) -> str:
    return f"{locale.whole(leak.count)} ({locale.share(leak.share)})"


def _leaks_of_test(found: LeakAudit, locale: Locale) -> str:
    text = locale.phrases["note"]
    rows = [
        [name, locale.whole(leak.count), locale.share(leak.share)]
        for key, name in locale.phrases["leaks"].items()
        for leak in [getattr(found, key)]
    ]
    return tables.markdown_table([text["leak"], text["count"], text["share"]], rows, numbers_from=1)


def dropped(records: LevelRecords, locale: Locale) -> str | None:
    """What cleaning the bank changed or left out, with an example each."""
    found = records.dataset.results.sentence_bank.dropped
    if not found:
        return None
    text = locale.phrases["note"]
    rows = [
        [
            escaping.markdown(locale.phrases["reasons"].get(row["reason"], row["reason"].replace("_", " "))),
            locale.whole(row["count"]),
            escaping.markdown(escaping.shortened(row["examples"][0], 120)) if row.get("examples") else "",
        ]
        for row in found
    ]
    return tables.markdown_table([text["reason"], text["count"], text["such_as"]], rows)


def training(records: LevelRecords, locale: Locale) -> str:
    """Duration, steps, losses, speed, memory, hardware, versions."""
    found, text = records.training.results, locale.phrases["facts"]
    facts = [
        ("duration", locale.duration(found.duration_s)),
        ("steps", _steps(found, locale)),
        ("train_loss", _change(found.train_loss, "first_to_last", locale)),
        ("eval_loss", _change(found.eval_loss, "first_to_best", locale)),
        ("best", _best(records, locale)),
        ("speed", _unless_unknown(found.tokens_per_s, text["speed_value"], locale)),
        ("tokens_seen", locale.whole(found.tokens)),
        ("memory", locale.gigabytes(found.peak_memory_bytes)),
        ("parameters", _parameters(found, locale)),
        ("hardware", locale.unknown if records.adopted else _hardware(records, locale)),
        ("device", _device(found, locale)),
        ("versions", locale.unknown if records.adopted else _versions(records)),
    ]
    if found.peak_gpu_memory_bytes is not None:
        facts.insert(8, ("gpu_memory", locale.gigabytes(found.peak_gpu_memory_bytes)))
    if found.resumed_from_step:
        facts.append(("resumed", text["resumed_value"].format(step=locale.whole(found.resumed_from_step))))
    if found.base_model.chat:
        facts.append(("chat", _chat(found.base_model.chat, locale)))
    if found.merge_check:
        facts.append(("merge_check", _merge(found.merge_check, locale)))
    return _facts(facts, locale)


def _facts(facts: list[tuple[str, str]], locale: Locale) -> str:
    text = locale.phrases["facts"]
    return tables.markdown_table([text["item"], text["value"]], [[text[key], value] for key, value in facts])


def _bank(found: DatasetResults, locale: Locale) -> str:
    bank = found.sentence_bank
    counts = {key: getattr(bank, key) for key in ("words", "sentences", "words_read", "sentences_read")}
    name = escaping.code(bank.name or locale.unknown)
    return locale.phrases["facts"]["bank_size"].format(name=name, **_wholes(counts, locale))


def _words(found: DatasetResults, locale: Locale) -> str:
    counts = _wholes(dict(found.words), locale)
    used = {f"{part}_used": locale.whole(getattr(found.unique_words_used, part)) for part in ("train", "dev", "eval")}
    apart = "words_used" if found.dev_examples is None else "words_in_parts"
    key = apart if found.split.policy == "words" else "words_shared"
    return locale.phrases["facts"][key].format(**counts, **used)


def _tokens(found: DatasetResults, locale: Locale) -> str:
    train, held_out = found.tokens.train, found.tokens.eval
    return locale.phrases["facts"]["token_figures"].format(
        mean=locale.decimal(train.mean, 1),
        p95=locale.whole(train.p95),
        longest=locale.whole(train.longest),
        eval_mean=locale.decimal(held_out.mean, 1),
        eval_longest=locale.whole(held_out.longest),
    )


def _lengths(found: DatasetResults, locale: Locale) -> dict[str, str]:
    return {key: locale.decimal(getattr(found.sentence_words, key), 1) for key in ("mean", "median")}


def _wholes(counts: dict, locale: Locale) -> dict[str, str]:
    return {key: locale.whole(value) for key, value in counts.items()}


def _steps(found: TrainingResults, locale: Locale) -> str:
    return locale.phrases["facts"]["steps_value"].format(
        total=locale.whole(found.total_steps),
        per_epoch=locale.whole(found.steps_per_epoch),
        epochs=locale.plain(found.epochs),
    )


def _change(losses: LossChange, phrase: str, locale: Locale) -> str:
    if losses.first is None:
        return locale.unknown
    figures = {name: locale.loss(getattr(losses, name)) for name in ("first", "best", "last")}
    reduction = locale.percent(losses.reduction_pct)
    return locale.phrases["facts"][phrase].format(reduction=reduction, **figures)


def _best(records: LevelRecords, locale: Locale) -> str:
    if records.best.eval_loss is None:
        return locale.unknown
    return locale.phrases["facts"]["best_value"].format(**observations.best_figures(records.best, locale))


def _unless_unknown(value: float | None, phrase: str, locale: Locale) -> str:
    return locale.unknown if value is None else phrase.format(n=locale.whole(value))


def _parameters(found: TrainingResults, locale: Locale) -> str:
    trainable, base = found.trainable_parameters, found.base_parameters
    if trainable is None:
        return locale.unknown
    shown = locale.whole(trainable)
    if base is None:
        return shown
    total = locale.whole(base + trainable)
    return locale.phrases["facts"]["parameters_value"].format(trainable=shown, total=total)


def _hardware(records: LevelRecords, locale: Locale) -> str:
    machine, text = records.training.hardware, locale.phrases["facts"]
    shown = text["hardware_value"].format(
        cpu=escaping.markdown(machine.cpu or locale.unknown),
        cores=locale.whole(machine.cores),
        memory=locale.gigabytes(machine.memory_bytes),
    )
    if not machine.gpu:
        return shown
    memory = locale.gigabytes(machine.gpu_memory_bytes)
    return f"{shown}; {text['gpu'].format(name=escaping.markdown(machine.gpu), memory=memory)}"


def _device(found: TrainingResults, locale: Locale) -> str:
    device, reason = found.device, found.device_reason
    if device is None:
        return locale.unknown
    why = locale.phrases["recorded_texts"].get(reason) or escaping.markdown(reason or "")
    return f"{escaping.code(device)} ({why})" if why else escaping.code(device)


def _versions(records: LevelRecords) -> str:
    return ", ".join(escaping.markdown(f"{name} {version}") for name, version in records.training.versions.items())


def _chat(found: ChatInfo, locale: Locale) -> str:
    text = locale.phrases["facts"]
    said = [text["chat_end"].format(end=escaping.code(found.end_of_turn))] if found.end_of_turn else []
    said += [text["chat_thinking"]] if found.thinking else []
    said += [text["chat_date"].format(date=escaping.markdown(found.date))] if found.date else []
    return "; ".join(said) or locale.unknown


def _merge(found: MergeCheck, locale: Locale) -> str:
    keys = {
        "same": "largest_difference_from_base_plus_adapter",
        "rounding": "rounding_difference",
        "base": "difference_from_base",
    }
    figures = {name: locale.plain(getattr(found, key)) for name, key in keys.items()}
    return locale.phrases["facts"]["merge_value"].format(**figures)


def hyperparameters(records: LevelRecords, keys: tuple[str, ...], locale: Locale) -> str:
    """Hyperparameters as they ran, under their readable names."""
    ran = dict(records.training.results.hyperparameters)
    sizes = (ran.get("batch_size"), ran.get("gradient_accumulation_steps"))
    ran["effective_batch_size"] = None if None in sizes else sizes[0] * sizes[1]
    ran.setdefault("max_seq_length", records.training.recipe.get("max_seq_length"))
    ran["seed"] = records.training.seed
    rows = [[locale.phrases["settings"][key], setting(ran.get(key), locale)] for key in keys]
    return tables.markdown_table([locale.phrases["note"]["setting"], locale.phrases["note"]["value"]], rows)


def setting(value: object, locale: Locale) -> str:
    """A setting's value as Markdown."""
    if isinstance(value, list):
        return ", ".join(escaping.code(part) for part in value)
    if isinstance(value, str):
        known = locale.phrases["recorded_texts"].get(value)
        return known or escaping.code(value)
    return locale.plain(value)


def differences(records: LevelRecords, locale: Locale) -> str | None:
    """What ran otherwise than the recipe asks, and why."""
    found = records.training.results.differences_from_recipe
    if not found:
        return None
    text = locale.phrases["note"]
    rows = []
    for row in found:
        why = locale.phrases["recorded_texts"].get(row.why) or escaping.markdown(row.why or "")
        name = locale.phrases["settings"].get(row.setting) or escaping.markdown(row.setting)
        rows.append([name, setting(row.asked, locale), setting(row.ran, locale), why])
    return tables.markdown_table([text["setting"], text["asked"], text["ran"], text["why"]], rows)
