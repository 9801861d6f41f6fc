"""The verdict of a note, its observations and the remarks on the course of training, by rule, with their figures."""

from cefr_helpers.core.errors import required
from cefr_helpers.core.level_records import LevelRecords
from cefr_helpers.core.recipes import JOINT_SUCCESS
from cefr_helpers.core.schema import GATES, BestStep, Interval, LikelihoodComparison, Step
from cefr_helpers.evaluation import variety
from cefr_helpers.rendering.escaping import Markdown
from cefr_helpers.rendering.locale import Locale

AGREE_WITHIN = 0.01  # relative difference of training's best evaluation loss and the comparison's
MOSTLY = 0.5  # share of evaluation sentences seen in training from which a loss measures memory
FAST = 0.10  # an evaluation lower than the one before by this share of it is a fast improvement
UNCHANGED = 0.0005  # a change below this share is none
SLIGHT = 0.05  # a rise below this share is slight
MOST_ROWS = 24


def verdict(records: LevelRecords, locale: Locale) -> Markdown:
    """One sentence: better, worse or no difference shown, the figures, and what they were measured on."""
    found = records.comparison.results.completion
    text = locale.text["verdict"]
    if not found:
        lowest = records.best
        return text["no_comparison"].format(**_best_figures(lowest, locale)) if lowest else text["no_evaluation"]
    n = locale.whole(records.comparison.results.examples)
    said = {"outcome": text[_outcome(found)].format(n=n), "figures": _figures(found, n, locale)}
    return Markdown("**{outcome}**: {figures}; {seen}.").format(**said, seen=seen(records, locale))


def _outcome(found: LikelihoodComparison) -> str:
    low, high = found.difference.low, found.difference.high
    if low is None or high is None:
        return "open"
    return "better" if high < 0 else "worse" if low > 0 else "same"


def _figures(found: LikelihoodComparison, n: str, locale: Locale) -> Markdown:
    text = locale.text["verdict"]
    figures = text["figures"].format(
        base=locale.loss(found.base.loss),
        tuned=locale.loss(found.tuned.loss),
        loss_reduction=locale.percent(found.loss_reduction_pct),
        base_perplexity=locale.decimal(found.base.perplexity, 2),
        tuned_perplexity=locale.decimal(found.tuned.perplexity, 2),
        perplexity_reduction=locale.percent(found.perplexity_reduction_pct),
    )
    if _outcome(found) == "open":
        return Markdown("; ").join([figures, text["examples"].format(n=n)])
    estimate = locale.loss(found.difference.estimate)
    interval = _interval(found.difference, locale)
    return Markdown("; ").join([figures, text["difference"].format(estimate=estimate, interval=interval, n=n)])


def seen(records: LevelRecords, locale: Locale) -> Markdown:
    """What training had seen of the test examples, in words."""
    shares = dict(zip(("words", "sentences"), (locale.share(share) for share in _overlaps(records)), strict=True))
    kind = seen_kind(records)
    untouched = kind == "held_out" and records.evaluated_on == "dev"
    return locale.text["verdict"]["untouched" if untouched else kind].format(**shares)


def seen_kind(records: LevelRecords) -> str:
    """Whether the test is on "held_out" words, "partly" or mostly seen ("memorised"), or "unseen_unknown"."""
    overlap, sentences = _overlaps(records)
    if overlap is None or sentences is None:
        return "unseen_unknown"
    return "memorised" if sentences >= MOSTLY else "partly" if overlap or sentences else "held_out"


def _overlaps(records: LevelRecords) -> tuple[float | None, float | None]:
    audit = records.dataset.results.leak_audit
    return audit.word_overlap.share, audit.sentence_overlap.share


def of_level(records: LevelRecords, locale: Locale) -> list[Markdown]:
    """Observations on one level."""
    rules = (_after_best, _gap, _memory, _words_met, _truncated, _disagreement, _weakest)
    return [text for text in (rule(records, locale) for rule in rules) if text]


def across(records_by_level: dict[str, LevelRecords], locale: Locale) -> list[Markdown]:
    """Observations on the levels side by side; none where fewer than two have what they rest on."""
    done = [records for records in records_by_level.values() if records.is_done]
    return [text for text in (rule(done, locale) for rule in (_intervals, _floor_order, _length)) if text]


def _after_best(records: LevelRecords, locale: Locale) -> Markdown | None:
    evaluations = [row for row in progress_rows(records) if row["eval_loss"] is not None]
    lowest, text = records.best, locale.text["observations"]
    if len(evaluations) < 2:
        return None
    if records.kept_by == JOINT_SUCCESS:
        return _kept_and_lowest(records, locale)
    last = evaluations[-1]
    figures = _best_figures(lowest, locale)
    if last["step"] == lowest.step:
        return text["still_falling"].format(**figures)
    if last["eval_loss"] <= lowest.eval_loss:
        return None
    figures |= {"last": locale.loss(last["eval_loss"]), "last_step": locale.whole(last["step"])}
    then = _train_loss_at(evaluations, lowest.step)
    if then is None or last["train_loss"] is None or last["train_loss"] >= then:
        return text["rise_alone"].format(**figures)
    train = {"train": locale.loss(then), "last_train": locale.loss(last["train_loss"])}
    return text["overfitting"].format(**figures, **train)


def _kept_and_lowest(records: LevelRecords, locale: Locale) -> Markdown:
    """Whether the checkpoint with the lowest loss would have been another one."""
    lowest, kept, text = records.lowest, records.best, locale.text["observations"]
    if lowest.step == kept.step:
        return text["kept_is_lowest"].format(step=locale.whole(kept.step))
    return text["kept_is_not_lowest"].format(
        **_best_figures(kept, locale),
        share=locale.share(kept.joint_success),
        other_step=locale.whole(lowest.step),
        other_loss=locale.loss(lowest.eval_loss),
        other_share=locale.share(lowest.joint_success),
        slots=locale.whole(records.training.results.dev_answers.slots),
    )


def _gap(records: LevelRecords, locale: Locale) -> Markdown | None:
    lowest = records.best
    if records.kept_by == JOINT_SUCCESS:
        return None
    if lowest.eval_loss is None or records.loss_measure("train_loss") != records.loss_measure("eval_loss"):
        return None
    train = _train_loss_at(progress_rows(records), lowest.step)
    if train is None:
        return None
    gap = locale.loss(lowest.eval_loss - train)
    figures = {"train": locale.loss(train), "loss": locale.loss(lowest.eval_loss), "gap": gap}
    return locale.text["observations"]["gap"].format(**figures)


def _memory(records: LevelRecords, locale: Locale) -> Markdown | None:
    found = records.dataset.results
    audit = found.dev_leak_audit if records.evaluated_on == "dev" else found.leak_audit
    sentences, above = audit.sentence_overlap.share, records.above_floor
    if sentences is None or sentences < MOSTLY or above is None:
        return None
    return locale.text["observations"]["memory"].format(
        sentences=locale.share(sentences),
        loss=locale.loss(records.best.eval_loss),
        above=locale.loss(above),
        floor=locale.loss(records.training_floor(records.loss_measure("eval_loss"))),
    )


def _words_met(records: LevelRecords, locale: Locale) -> Markdown | None:
    met = records.dataset.results.leak_audit.held_out_words_in_training_sentences
    if not met.count or records.dataset.results.split.policy != "words":
        return None
    figures = {"count": locale.whole(met.count), "share": locale.share(met.share)}
    return locale.text["observations"]["words_met"].format(**figures)


def _truncated(records: LevelRecords, locale: Locale) -> Markdown | None:
    found = records.dataset.results
    truncated = found.tokens.train.truncated
    if not truncated:
        return None
    figures = {"truncated": truncated, "examples": found.train_examples, "length": found.max_seq_length}
    written = {name: locale.whole(value) for name, value in figures.items()}
    return locale.text["observations"]["truncated"].format(**written)


def _disagreement(records: LevelRecords, locale: Locale) -> Markdown | None:
    found = records.comparison.results.agreement
    if (found.relative_difference or 0) <= AGREE_WITHIN:
        return None
    return locale.text["observations"]["disagreement"].format(
        training=locale.loss(found.training_best_eval_loss),
        comparison=locale.loss(found.comparison_tuned_loss),
        difference=locale.share(found.relative_difference, 2),
    )


def _weakest(records: LevelRecords, locale: Locale) -> Markdown | None:
    found = records.generation
    met = {gate: found.value("tuned", gate) for gate in GATES}
    known = {gate: share for gate, share in met.items() if share is not None}
    if not known or min(known.values()) == 1:
        return None
    gate = min(known, key=known.__getitem__)
    rows = {"share": "tuned", "base": "base", "gold": "gold"}
    figures = {name: locale.share(found.value(row, gate)) for name, row in rows.items()}
    n = locale.whole(found.slots)
    measure = locale.text["generation"]["measures"][gate]
    return locale.text["observations"]["weakest"].format(measure=measure, n=n, **figures)


def template(records: LevelRecords, locale: Locale) -> Markdown | None:
    """That the tuned model's sentences begin alike, beside how many of the bank's do; None where they do not."""
    found = records.generation.openings.get("tuned")
    if not found or found.sentences is None or found.of is None or found.bank is None:
        return None
    if not variety.is_template(found.sentences, found.of, found.bank):
        return None
    counts = {key: locale.whole(getattr(found, key)) for key in ("sentences", "of", "bank")}
    text = locale.text["generation"]["variety"]
    said = text["failure"].format(words=found.words, **counts)
    if found.share.low is None:
        return said
    share = text["failure_share"].format(share=locale.share_with_interval(found.share))
    return Markdown(" ").join([said, share])


def _intervals(done: list[LevelRecords], locale: Locale) -> Markdown | None:
    compared = [records for records in done if records.comparison.results.completion.difference.high is not None]
    if len(compared) < 2:
        return None
    ordered = sorted(compared, key=lambda one: required(one.comparison.results.completion.difference.estimate))
    figures: dict[str, str] = {}
    for name, records in (("strong", ordered[0]), ("weak", ordered[-1])):
        found = records.comparison.results.completion
        n = locale.whole(records.comparison.results.examples)
        figures |= {name: records.level, f"{name}_interval": _interval(found.difference, locale), f"{name}_n": n}
    strong, weak = (one.comparison.results.completion.difference for one in (ordered[0], ordered[-1]))
    kind = "apart" if required(strong.high) < required(weak.low) else "overlapping"
    return locale.text["observations"][kind].format(**figures)


def _floor_order(done: list[LevelRecords], locale: Locale) -> Markdown | None:
    known = sorted((h for h in done if h.above_floor is not None), key=lambda one: required(one.best.eval_loss))
    if len(known) < 2:
        return None
    figures: dict[str, str] = {}
    for name, records in (("low", known[0]), ("high", known[-1])):
        figures |= {name: records.level, f"{name}_loss": locale.loss(records.best.eval_loss)}
        figures[f"{name}_above"] = locale.loss(records.above_floor)
    return locale.text["observations"]["floor_order"].format(**figures)


def _length(done: list[LevelRecords], locale: Locale) -> Markdown | None:
    ground = "completion"
    found = ((one.dataset.results.sentence_words.mean, one.floor(ground), one.level) for one in done)
    both = [(mean, floor, level) for mean, floor, level in found if mean and floor is not None]
    known = sorted(both, key=lambda one: one[0])
    if len(known) < 2 or known[-1][1] >= known[0][1]:
        return None
    figures: dict[str, str] = {}
    for name, (mean, floor, level) in (("short", known[0]), ("long", known[-1])):
        figures |= {name: level, f"{name}_words": locale.decimal(mean, 1), f"{name}_floor": locale.loss(floor)}
    return locale.text["observations"]["length"].format(**figures)


def _interval(difference: Interval, locale: Locale) -> Markdown:
    return locale.interval((difference.low, difference.high))


def _train_loss_at(rows: list[dict], step: int | None) -> float | None:
    return next((row["train_loss"] for row in rows if row["step"] == step), None)


def _best_figures(lowest: BestStep, locale: Locale) -> dict[str, str]:
    """Loss, step and epoch of the best evaluation, in words: the same everywhere in a note."""
    return {
        "loss": locale.loss(lowest.eval_loss),
        "step": locale.whole(lowest.step),
        "epoch": locale.decimal(lowest.epoch, 2),
    }


def progress_rows(records: LevelRecords) -> list[dict]:
    """First training loss, every evaluation with the last training loss logged by then, and the end.

    Returns:
        Rows of {"epoch", "step", "train_loss", "eval_loss", "joint_success", "remarks"}; remarks are keys of phrases.
    """
    logged, evaluations = records.history("train_loss"), records.history("eval_loss")
    lowest = records.best
    made = []
    for place, entry in enumerate(evaluations):
        earlier = [required(other.eval_loss) for other in evaluations[:place]]
        remarks = _remarks(entry, earlier, lowest)
        made.append(_row(entry, _last_by(logged, required(entry.step)), entry.eval_loss, remarks))
    if logged and (not made or logged[0].step < made[0]["step"]):
        made.insert(0, _row(logged[0], logged[0].train_loss, None, ["start"]))
    if logged and logged[-1].step > made[-1]["step"]:
        made.append(_row(logged[-1], logged[-1].train_loss, None, []))
    if len(made) > 1:
        made[-1]["remarks"].append("last")
    return made


def thin_rows(made: list[dict]) -> list[dict]:
    """At most MOST_ROWS of the rows, evenly; first, first evaluation, best and last are always among them."""
    if len(made) <= MOST_ROWS:
        return made
    kept = {place for place, row in enumerate(made) if {"start", "first", "best", "last"} & set(row["remarks"])}
    free = MOST_ROWS - len(kept)
    kept |= {round(place * (len(made) - 1) / (free + 1)) for place in range(1, free + 1)}
    return [made[place] for place in sorted(kept)]


def _row(entry: Step, train_loss: float | None, eval_loss: float | None, remarks: list[str]) -> dict:
    losses = {"train_loss": train_loss, "eval_loss": eval_loss, "joint_success": entry.joint_success}
    return {"epoch": entry.epoch, "step": entry.step, **losses, "remarks": remarks}


def _last_by(logged: list[Step], step: int) -> float | None:
    by_then = [entry.train_loss for entry in logged if required(entry.step) <= step]
    return by_then[-1] if by_then else None


def _remarks(entry: Step, earlier: list[float], lowest: BestStep) -> list[str]:
    found = ["first"] if not earlier else []
    if entry.step == lowest.step:
        return [*found, "best"]
    return found or [_change(required(entry.eval_loss), earlier)]


def _change(loss: float, earlier: list[float]) -> str:
    fall = (earlier[-1] - loss) / earlier[-1]
    if abs(fall) < UNCHANGED:
        return "unchanged"
    if fall < 0:
        return "slight_rise" if -fall < SLIGHT else "rise"
    if loss >= min(earlier):
        return "falling_again"
    return "fast" if fall >= FAST else "improving"
