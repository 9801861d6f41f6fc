"""Check a bank before any run: what a run would read, keep, change, drop or doubt.

Nothing is written. A run makes the same check first, so that problems are found before results of an earlier run are
touched.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.recipes import Recipe
from cefr_helpers.data import banks, cleaning, splitting
from cefr_helpers.data.banks import Bank
from cefr_helpers.data.splitting import FEWEST_WORDS, PART_NAMES, PARTS, WORDS_PER_EXAMPLE

_SHARES = (0.1, 0.2, 0.3, 0.5)
_GROUPS = {"changed": cleaning.CHANGED, "dropped": cleaning.DROPPED, "doubtful": cleaning.DOUBTFUL}
UNNAMED = "any"  # the level of a file that is checked without one


@dataclass(frozen=True)
class Share:
    """What the shares of test and development words leave for each part, by "train", "dev" and "eval" (test).

    Attributes:
        words: number of words of each part.
        examples: number of examples each part makes before a sentence recurs; 0 with too few words for an example.
        can_run: whether each part has enough words for an example.
    """

    held_out_share: float
    dev_share: float
    words: dict[str, int]
    examples: dict[str, int]
    can_run: bool


@dataclass(frozen=True)
class LevelCheck:
    """The check of one level's bank; the first of `shares` is the recipe's."""

    level: str
    bank: Bank
    shares: tuple[Share, ...]

    @property
    def named_level(self) -> str | None:
        """The level; None for a file that is checked without one."""
        return None if self.level == UNNAMED else self.level

    @property
    def can_run(self) -> bool:
        """Whether the level can run with the recipe."""
        return self.shares[0].can_run

    def counts(self) -> dict[str, int]:
        """Return the numbers of kept `words` and `sentences`, and of `changed`, `dropped` and `doubtful` ones."""
        found = {"words": len(self.bank.sentences), "sentences": sum(map(len, self.bank.sentences.values()))}
        return found | {name: sum(row["count"] for row in self.rows(name)) for name in _GROUPS}

    def rows(self, group: str) -> list[dict]:
        """Return the report's rows of a group; for "told", the rows that are in no group."""
        if group in _GROUPS:
            return [row for row in self.bank.report if row["reason"] in _GROUPS[group]]
        return [row for row in self.bank.report if not any(row["reason"] in reasons for reasons in _GROUPS.values())]

    def as_dict(self) -> dict:
        """Return everything as plain values for JSON."""
        sizes = [len(own) for own in self.bank.sentences.values()]
        return self.counts() | {
            "read_as": self.bank.read_as,
            "sentences_per_word": {"fewest": min(sizes), "mean": fmean(sizes), "most": max(sizes)},
            "report": list(self.bank.report),
            "held_out_shares": [asdict(share) for share in self.shares],
            "can_run": self.can_run,
        }


def check(
    sentence_bank: str | Path,
    levels: Sequence[str],
    recipe: Recipe,
    seed: int,
    more: Sequence[float] = _SHARES,
) -> list[LevelCheck]:
    """Read a bank as a run of `levels` would; without levels, read all that it has.

    Args:
        more: shares of test words to try beside the recipe's, with the recipe's share of development words.

    Raises:
        InputError: see `banks.find`, `banks.check_serves` and `banks.read`.
    """
    banks.check_serves(sentence_bank, levels)
    named = levels or banks.levels_of(sentence_bank)
    files = {level: path for one in named for level, path in banks.find(sentence_bank, one).items()}
    read = banks.read_all(files) if files else {UNNAMED: banks.read(banks.only_file(sentence_bank))}
    chosen = list(named) or [UNNAMED]
    dev = recipe.dev_share
    wanted = dict.fromkeys((recipe.held_out_share, *(share for share in more if share + dev < 1)))
    splits = [splitting.split_groups(read, recipe.split, share, dev, seed) for share in wanted]
    return [LevelCheck(one, read[one], tuple(_share(read[one], split, one) for split in splits)) for one in chosen]


def refuse_too_few(checks: Iterable[LevelCheck]) -> None:
    """Raise one InputError for all levels in which a part has too few words for an example."""
    problems = []
    for one in checks:
        share = one.shares[0]
        for part, words in share.words.items():
            if words < WORDS_PER_EXAMPLE:
                problems.append(
                    f"{one.bank.name}: level {one.level} has {words} {PART_NAMES[part]} words of "
                    f"{len(one.bank.sentences)}; each part needs {WORDS_PER_EXAMPLE}, so a level needs {FEWEST_WORDS}: "
                    f"add words to the bank or change held_out_share ({share.held_out_share}) or dev_share "
                    f"({share.dev_share})"
                )
    if problems:
        raise InputError("\n".join(problems))


def as_json(checks: Sequence[LevelCheck], passed_over: Sequence[str]) -> dict:
    """Return one object with the counts over all levels, and each level by its name."""
    totals = {key: sum(one.counts()[key] for one in checks) for key in checks[0].counts()}
    return totals | {"passed_over": list(passed_over), "levels": {one.level: one.as_dict() for one in checks}}


def lines(one: LevelCheck, recipe: str) -> list[str]:
    """Return the check of a level as lines for the terminal."""
    found = one.as_dict()
    sizes = found["sentences_per_word"]
    each = f"{sizes['fewest']} to {sizes['most']} per word, {sizes['mean']:.1f} on average"
    told = [
        f"{_name(one)}: {one.bank.read_as}",
        f"  Words: {found['words']}; sentences: {found['sentences']}, {each}",
    ]
    for group, title in (
        ("changed", "Changed"),
        ("dropped", "Dropped"),
        ("doubtful", "Doubtful"),
        ("told", "Also reported"),
    ):
        if rows := one.rows(group):
            told += [f"  {title}: {sum(row['count'] for row in rows)}", *("  " + line for line in cleaning.lines(rows))]
    short_names = f"{'dev':>8}{'test':>8}"
    told += [f"  {'shares: test + dev':<28}{'words: train':>14}{short_names}{'examples: train':>17}{short_names}"]
    for at, share in enumerate(one.shares):
        name = f"{share.held_out_share:g} + {share.dev_share:g}" + ("" if at else f" (recipe {Path(recipe).stem})")
        words, examples = ([found[part] for part in PARTS] for found in (share.words, share.examples))
        row = f"{words[0]:>14,}{words[1]:>8,}{words[2]:>8,}{examples[0]:>17,}{examples[1]:>8,}{examples[2]:>8,}"
        told.append(f"  {name:<28}{row}")
    told.append("  Examples: how many can be made before a sentence is used again; a recipe may use more.")
    told.append(
        "  Training uses the train words, the dev words choose the checkpoint, and only test words are reported."
    )
    return [*told, f"  {_verdict(one)}"]


def short(one: LevelCheck) -> str:
    """Return the check of a level as one line, for the start of a run."""
    counts = one.counts()
    told = ", ".join(f"{counts[key]} {key}" for key in _GROUPS if counts[key])
    return f"{_name(one)}: words {counts['words']}, sentences {counts['sentences']}{f' ({told})' if told else ''}"


def _name(one: LevelCheck) -> str:
    return f"{one.bank.name}, level {one.level}" if one.level != UNNAMED else one.bank.name


def _verdict(one: LevelCheck) -> str:
    if one.can_run:
        return "Enough words for a run."
    return f"Too few words for a run: training, dev and test words need {WORDS_PER_EXAMPLE} each."


def _share(bank: Bank, split: splitting.Split, level: str) -> Share:
    words = {part: split.words(level, part) for part in PARTS}
    sentences = {part: sum(len(bank.sentences[word]) for word in own) for part, own in words.items()}
    enough = {part: len(own) >= WORDS_PER_EXAMPLE for part, own in words.items()}
    return Share(
        held_out_share=split.held_out_share,
        dev_share=split.dev_share,
        words={part: len(own) for part, own in words.items()},
        examples={part: sentences[part] // WORDS_PER_EXAMPLE if enough[part] else 0 for part in PARTS},
        can_run=all(enough.values()),
    )
