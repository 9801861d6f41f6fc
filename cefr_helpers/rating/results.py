"""Compute the results of readers' votes: shares, preferences, agreement with gates and measures, and needed votes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pandas as pd

from cefr_helpers.core import files, ratings, records
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.levels import number
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.ratings import (
    DecisionRating,
    GateAgreement,
    JudgeRating,
    MeasureAgreement,
    Preference,
    RatingResults,
    Reader,
    ReaderAgreement,
    SystemRating,
)
from cefr_helpers.core.schema import Interval, Metric
from cefr_helpers.evaluation import intervals
from cefr_helpers.rating import agreement, decisions, items, keys, sample_size, votes
from cefr_helpers.rating.decisions import Decided
from cefr_helpers.rating.keys import Key
from cefr_helpers.rating.votes import ItemAnswer, Votes

_EXPECTED = "expected a file that the page for readers, or choose.html of `make write`, saves"
_SEED = 0
_NOT_MEASURED = ("gold", items.WRITTEN)  # rows without measures
_OF_A_PLACE = ("row", "prompt", "sample", "slot", "word", "sentence", "exact_ten")
_BOOLEANS = {"True": True, "False": False}
_FEWEST_WORDS = 2


@dataclass(frozen=True)
class PageVotes:
    """The votes on a level's page for readers, checked against its key and against the present answers.

    Attributes:
        table: the run's answers, from `items.read_table`.
    """

    key: Key
    table: pd.DataFrame
    votes: tuple[Votes, ...]


@dataclass(frozen=True)
class LevelVotes:
    """Everything that people, and models, said about a level's sentences.

    Attributes:
        page: None if there are only decisions.
        decisions: decisions on sentences of `cefr write`, which are not blind.
        files: the files of both.
    """

    level: str
    page: PageVotes | None
    decisions: tuple[DecisionRating, ...]
    files: tuple[Path, ...]


def read(workspace: Workspace, paths: Iterable[Path]) -> list[LevelVotes]:
    """Read all votes and decisions, by level in order of appearance; each is checked before anything is computed.

    Raises:
        InputError: there is no file, or one is broken, of another page, or by a reader whose votes were already given;
            or two are decisions on one page, or the answers changed since the page was made.
    """
    found: dict[str, list[tuple[Path, Votes | Decided]]] = defaultdict(list)
    for path in paths:
        values = files.read_json(path, _EXPECTED)
        one = decisions.parse(values, path) if decisions.is_such(values) else votes.parse(values, path)
        found[one.level].append((path, one))
    if not found:
        raise InputError('votes: no file; name them, as in `make rated VOTES="a.json b.json"`')
    return [_of_level(workspace, level, of) for level, of in found.items()]


def compute(workspace: Workspace, given: LevelVotes) -> RatingResults:
    """Return the results of the votes of one level.

    People's votes count if there are any; models that read the page are then compared with them like judges. If no
    person has read, language models that read the page count, and are named as such. Judges never count. Decisions are
    apart from all of these.
    """
    of_page = _of_page(workspace, given.level, given.page) if given.page else RatingResults()
    return of_page.model_copy(update={"decisions": list(given.decisions)})


def _of_page(workspace: Workspace, level: str, given: PageVotes) -> RatingResults:
    readers, judges, counted = _parted(given.votes)
    comparison = records.read_if_there(workspace, level, "comparison")
    printable = _majority(readers)
    sentences = _measured(given, printable)
    return RatingResults(
        page=given.key.page,
        comparison_created=comparison.created if comparison else None,
        counted=counted,
        readers=[_reader(one) for one in readers],
        systems=_systems(given.key, readers) if readers else {},
        preferences=_preferences(given.key, readers),
        between_readers=_between(readers),
        gates=_gates(sentences),
        measures=_measures(sentences, level),
        judges=[_judge(one, given.key, printable if counted == ratings.PEOPLE else {}) for one in judges],
    )


def write(workspace: Workspace, given: LevelVotes, results: RatingResults) -> None:
    """Write the level's record, which names key, answers and votes by their hashes."""
    of_page = [workspace.rating_key(given.level), workspace.run(given.level) / items.FILE] if given.page else []
    read = [*of_page, *given.files]
    ratings.write(workspace, given.level, records.hash_inputs(read), results)


def no_longer_there(before: ratings.RatingsRecord | None, after: ratings.RatingsRecord) -> list[str]:
    """Return the readers and lists whose votes or decisions were there before and were not given this time."""
    now = set(_names(after.results))
    return [name for name in _names(before.results) if name not in now] if before else []


def _names(found: RatingResults) -> list[str]:
    lists = (f"who decided on {one.name}" for one in found.decisions)
    return [*(reader.name for reader in found.readers if reader.name), *lists]


def _of_level(workspace: Workspace, level: str, given: list[tuple[Path, Votes | Decided]]) -> LevelVotes:
    on_page = [(path, one) for path, one in given if isinstance(one, Votes)]
    decided = [(path, one) for path, one in given if isinstance(one, Decided)]
    page = _page_votes(workspace, level, on_page) if on_page else None
    return LevelVotes(level, page, _decisions(decided), tuple(path for path, _ in given))


def _page_votes(workspace: Workspace, level: str, given: list[tuple[Path, Votes]]) -> PageVotes:
    key_path = workspace.rating_key(level)
    key = keys.read(key_path, level)
    by_reader: dict[str, Path] = {}
    for path, one in given:
        votes.check(one, path, key, key_path)
        name = one.rater.name.casefold()
        if name in by_reader:
            raise InputError(
                f"{path}: rater.name: {one.rater.name!r}: {by_reader[name]} is by the same reader; give the later one"
            )
        by_reader[name] = path
    table = items.read_table(workspace, level)
    _check_unchanged(key, key_path, table, workspace.run(level) / items.FILE)
    return PageVotes(key, table, tuple(one for _, one in given))


def _decisions(given: list[tuple[Path, Decided]]) -> tuple[DecisionRating, ...]:
    by_page: dict[str | None, Path] = {}
    found = []
    for path, decided in given:
        one = decisions.rating(decided, path)
        if one.page in by_page:
            raise InputError(
                f"{path}: votes.page: {one.page!r}: {by_page[one.page]} is about the same sentences; give the later one"
            )
        by_page[one.page] = path
        found.append(one)
    return tuple(found)


def _check_unchanged(key: Key, key_path: Path, table: pd.DataFrame, path: Path) -> None:
    there = _by_place(table)
    for name, item in key.items.items():
        if item.row == items.WRITTEN:  # its table may be gone, but the key has the sentence
            continue
        found = there.get((item.row, item.prompt, item.slot))
        if found is None or " ".join(found["sentence"].split()) != item.sentence:
            now = repr(found["sentence"]) if found else "nothing"
            raise InputError(
                f"{path}: {item.row}, prompt {item.prompt}, slot {item.slot}: {now}; readers saw {item.sentence!r} "
                f"({key_path}: items.{name}). The answers changed since the page was made: make a new one with "
                f"`make rate LEVELS={key.level}`"
            )


def _by_place(table: pd.DataFrame) -> dict[tuple, dict]:
    greedy = table[table["sample"].isin(("0", ""))]
    return {(one["row"], int(one["prompt"]), int(one["slot"])): one for one in greedy.to_dict("records")}


def _parted(given: Sequence[Votes]) -> tuple[list[Votes], list[Votes], str | None]:
    """Return the readers whose votes count, those compared with them, and the kind that counts."""
    people = [one for one in given if one.rater.kind not in ("language_model", votes.JUDGE)]
    models = [one for one in given if one.rater.kind == "language_model"]
    judges = [one for one in given if one.rater.kind == votes.JUDGE]
    if people:
        return people, [*models, *judges], ratings.PEOPLE
    return models, judges, ratings.LANGUAGE_MODELS if models else None


def _reader(one: Votes) -> Reader:
    return Reader(
        name=one.rater.name,
        kind=one.rater.kind,
        answers=len(one.answers),
        choices=len(one.choices),
        seconds=median(answer.seconds for answer in one.answers) if one.answers else None,
    )


def _systems(key: Key, readers: Sequence[Votes]) -> dict[str, SystemRating]:
    answers: dict[str, list[tuple[str, ItemAnswer]]] = defaultdict(list)
    for one in readers:
        for answer in one.answers:
            item = key.items[answer.item]
            answers[item.row].append((item.word, answer))
    missing = {row: _missing(key, row, answers[row]) for row in items.SYSTEMS}
    found = {row: _system(answers[row], missing[row]) for row in items.SYSTEMS if answers[row]}
    means = {row: _word_means(answers[row], missing[row]) for row in found}
    for row in found:
        if row != "tuned" and "tuned" in found:
            found[row] = found[row].model_copy(update=_difference(means["tuned"], means[row]))
    return found


def _missing(key: Key, row: str, answers: list[tuple[str, ItemAnswer]]) -> list[str]:
    """Return the words without a sentence; if not all sentences were judged yet, the same share of these words."""
    words = [one.word for one in key.missing if one.row == row]
    shown = sum(one.row == row for one in key.items.values())
    judged = len({answer.item for _, answer in answers})
    return words[: round(len(words) * judged / shown)] if shown else words


def _system(answers: list[tuple[str, ItemAnswer]], missing: list[str]) -> SystemRating:
    words = [word for word, _ in answers] + missing

    def share(question: str) -> Metric:
        said = [float(getattr(answer, question)) for _, answer in answers] + [0.0] * len(missing)
        return _metric(intervals.share_over_clusters(said, words))

    return SystemRating(
        words=len(set(words)),
        judgements=len(answers),
        missing=len(missing),
        sense=share("sense"),
        meaning=share("meaning"),
        suits_level=share("level"),
        printable=share("printable"),
    )


def _word_means(answers: list[tuple[str, ItemAnswer]], missing: list[str]) -> dict[str, float]:
    """Return word -> the share of readers who would print its sentence."""
    said: dict[str, list[float]] = defaultdict(list, {word: [0.0] for word in missing})
    for word, answer in answers:
        said[word].append(float(answer.printable))
    return {word: sum(of) / len(of) for word, of in said.items()}


def _difference(tuned: dict[str, float], other: dict[str, float]) -> dict:
    words = [word for word in tuned if word in other]
    if not words:
        return {}
    differences = [tuned[word] - other[word] for word in words]
    mean, square = sum(differences) / len(words), sum(one**2 for one in differences) / len(words)
    found = {"estimate": mean}
    if len(words) >= _FEWEST_WORDS:
        before, after = [other[word] for word in words], [tuned[word] for word in words]
        found = intervals.paired_cluster_difference(before, after, words, _SEED, bounds=(-1, 1))
    known = {name: found[name] for name in ("estimate", "low", "high", "resamples", "p") if name in found}
    return {
        "difference": Interval.model_validate(known),
        "words_needed": sample_size.words_for_difference(mean, square),
    }


def _preferences(key: Key, readers: Sequence[Votes]) -> dict[str, Preference]:
    chosen: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for one in readers:
        for choice in one.choices:
            tuned, other = key.pairs[choice.pair]
            value = 0.5 if choice.chosen is None else float(choice.chosen == tuned)
            chosen[key.items[other].row].append((key.items[tuned].word, value))
    return {row: _preference(chosen[row]) for row in items.SYSTEMS if chosen[row]}


def _preference(chosen: list[tuple[str, float]]) -> Preference:
    from scipy.stats import binomtest

    values, words = [value for _, value in chosen], [word for word, _ in chosen]
    by_word: dict[str, float] = defaultdict(float)
    for word, value in chosen:
        by_word[word] += value - 0.5
    wins, losses = (sum(sign * lean > 0 for lean in by_word.values()) for sign in (1, -1))
    leaning = wins + losses
    needed = sample_size.words_for_share(wins / leaning) if leaning else None
    return Preference(
        words=len(by_word),
        tuned=values.count(1.0),
        other=values.count(0.0),
        neither=values.count(0.5),
        win_rate=_metric(intervals.share_over_clusters(values, words)),
        p=float(binomtest(wins, leaning).pvalue) if leaning else None,
        # words that favour no side are needed too
        words_needed=None if needed is None else -(-needed * len(by_word) // leaning),
    )


def _between(readers: Sequence[Votes]) -> dict[str, ReaderAgreement]:
    found = {}
    for question in ratings.QUESTIONS:
        answers = [{answer.item: getattr(answer, question) for answer in one.answers} for one in readers]
        if (of := agreement.between_readers(answers)) is not None:
            found[question] = of
    return found


def _majority(readers: Sequence[Votes]) -> dict[str, bool]:
    """Return item -> whether most readers would print it; items on which they are divided are left out."""
    said: dict[str, list[bool]] = defaultdict(list)
    for one in readers:
        for answer in one.answers:
            said[answer.item].append(answer.printable)
    return {name: 2 * sum(of) > len(of) for name, of in said.items() if 2 * sum(of) != len(of)}


def _measured(given: PageVotes, printable: dict[str, bool]) -> pd.DataFrame:
    """Return the judged sentences that models wrote, with all their measures, and `printable`."""
    there, rows = _by_place(given.table), []
    for name, value in printable.items():
        item = given.key.items[name]
        if item.row not in _NOT_MEASURED:
            rows.append(there[item.row, item.prompt, item.slot] | {"printable": value})
    return pd.DataFrame(rows, columns=[*given.table.columns, "printable"])


def _gates(sentences: pd.DataFrame) -> dict[str, GateAgreement]:
    """Return the agreement of every column of yes or no."""
    found = {}
    for name in sentences.columns.difference([*_OF_A_PLACE, "printable"], sort=False):
        known = sentences[sentences[name] != ""]
        if len(known) and set(known[name]) <= _BOOLEANS.keys():
            found[name] = agreement.of_gate(list(known[name].map(_BOOLEANS)), list(known["printable"]))
    return found


def _measures(sentences: pd.DataFrame, level: str) -> dict[str, MeasureAgreement]:
    """Return the agreement of every column of numbers, and of minus the level score's distance from the level."""
    numbers = {}
    for name in sentences.columns.difference([*_OF_A_PLACE, "printable"], sort=False):
        column = pd.to_numeric(sentences[name].where(sentences[name] != ""), errors="coerce")
        if not set(sentences[name]) - {""} <= _BOOLEANS.keys() and column.notna().any():
            numbers[name] = column
    if "level_score" in numbers:
        numbers["level_closeness"] = -(numbers["level_score"] - number(level)).abs()
    found = {}
    for name, column in numbers.items():
        known = column.notna()
        of = sentences[known]
        if column[known].nunique() > 1:
            printable, words, rows = (list(of[name]) for name in ("printable", "word", "row"))
            found[name] = agreement.of_measure(column[known], printable, words, rows, _SEED)
    return found


def _judge(one: Votes, key: Key, printable: dict[str, bool]) -> JudgeRating:
    """Return a model's results, compared with `printable`, people's judgements, if there are any."""
    systems = _systems(key, [one])
    said = {answer.item: answer.printable for answer in one.answers}
    both = [name for name in said if name in printable]
    shares = {row: of.printable for row, of in systems.items()}
    found = JudgeRating(name=one.rater.name, kind=one.rater.kind, printable=shares)
    if not both:
        return found
    compared = agreement.of_gate([said[name] for name in both], [printable[name] for name in both])
    return found.model_copy(
        update={
            "sentences": len(both),
            "kappa": compared.kappa,
            "true_positive_rate": compared.passed,
            "true_negative_rate": compared.stopped,
        }
    )


def _metric(found: dict[str, float]) -> Metric:
    return Metric(value=found["estimate"], low=found["low"], high=found["high"])
