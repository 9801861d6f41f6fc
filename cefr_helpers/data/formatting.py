"""Draw, count, write and read examples of ten words and ten sentences; compute the memoriser's floor."""

import json
import math
import random
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

from cefr_helpers.core import files
from cefr_helpers.core.errors import InputError
from cefr_helpers.data.banks import Bank
from cefr_helpers.data.splitting import PART_NAMES, WORDS_PER_EXAMPLE, Split
from cefr_helpers.text.tokens import words_of


@dataclass(frozen=True)
class Examples(Sequence):
    """Drawn examples, each built only when it is accessed, so that 200,000 fit into memory.

    Attributes:
        level: the CEFR level of all examples.
        sentences: word -> sentences of the cleaned bank.
        words: the words drawn from; `word_numbers` are positions in it.
        words_per_example: number of slots of an example.
        word_numbers: for each slot, its word's position in `words`; one example after another.
        sentence_numbers: for each slot, its sentence's position among those of the word, from 0.
    """

    level: str
    sentences: dict[str, tuple[str, ...]]
    words: tuple[str, ...]
    words_per_example: int
    word_numbers: array
    sentence_numbers: array

    def __len__(self) -> int:
        return len(self.word_numbers) // self.words_per_example

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"example {index} of {len(self)}")
        start = (index % len(self)) * self.words_per_example
        slots = slice(start, start + self.words_per_example)
        words = [self.words[number] for number in self.word_numbers[slots]]
        return make_example(self.level, words, self.sentence_numbers[slots], self.sentences)


def make_example(
    level: str, words: Sequence[str], sentence_numbers: Sequence[int], sentences: dict[str, tuple[str, ...]]
) -> dict:
    """Return one example: {"instruction", "input", "output", "words", "sentence_ids"}.

    A sentence's id is "B2/abandon/3": level, word, and its position (from 0) among the word's cleaned sentences.
    """
    chosen = [sentences[word][number] for word, number in zip(words, sentence_numbers, strict=True)]
    return {
        **make_prompt(level, words),
        "output": _numbered(chosen),
        "words": list(words),
        "sentence_ids": [f"{level}/{word}/{number}" for word, number in zip(words, sentence_numbers, strict=True)],
    }


def make_prompt(level: str, words: Sequence[str]) -> dict:
    """Return the prompt of an example of these words: {"instruction", "input"}."""
    count = len(words)
    return {
        "instruction": f"Generate {level}-level English sentences for these {count} words:",
        "input": f"{_numbered(words)}\n\nWrite one sentence for each word, numbered 1 to {count}.",
    }


def draw_examples(
    bank: Bank,
    split: Split,
    level: str,
    part: str,
    count: int,
    seed: int,
    words_per_example: int = WORDS_PER_EXAMPLE,
) -> Examples:
    """Draw `count` examples of one part of the split, each of distinct words with one sentence per word.

    With the split "words", words are dealt like cards: none comes a second time before all have come once, and the same
    holds for the sentences of each word. With "examples", the older protocol, both are drawn at random.

    Args:
        part: "train", "dev" or "eval" (the test words).

    Raises:
        InputError: the part has fewer words than an example needs, or `count` is below 1.
    """
    words = split.words(level, part)
    if count < 1:
        raise InputError(f"{part}_examples: {count!r}; expected at least 1")
    if len(words) < words_per_example:
        raise InputError(
            f"{bank.name}: level {level} has {len(words)} {PART_NAMES[part]} words; an example needs "
            f"{words_per_example}: add words to the bank or change held_out_share ({split.held_out_share}) or "
            f"dev_share ({split.dev_share}); the largest group of words that must stay together has "
            f"{split.largest_group}"
        )
    rng = random.Random(f"{seed}/{level}/{part}")
    sizes = [len(bank.sentences[word]) for word in words]
    draw = _dealt if split.policy == "words" else _at_random
    word_numbers, sentence_numbers = array("I"), array("I")
    hands = draw(sizes, words_per_example, rng)
    for _ in range(count):
        for word, sentence in next(hands):
            word_numbers.append(word)
            sentence_numbers.append(sentence)
    return Examples(level, bank.sentences, words, words_per_example, word_numbers, sentence_numbers)


def _dealt(sizes: list[int], hand_size: int, rng: random.Random) -> Iterator[list[tuple[int, int]]]:
    """Yield hands of (word, sentence) numbers from a shuffled deck that is used up before it is shuffled again."""
    deck: list[int] = []
    sentence_decks: list[list[int]] = [[] for _ in sizes]
    while True:
        hand: list[tuple[int, int]] = []
        held: set[int] = set()
        aside: list[int] = []
        while len(hand) < hand_size:
            if not deck:
                deck = rng.sample(range(len(sizes)), len(sizes))
            word = deck.pop()
            if word in held:
                aside.append(word)
                continue
            if not sentence_decks[word]:
                sentence_decks[word] = rng.sample(range(sizes[word]), sizes[word])
            hand.append((word, sentence_decks[word].pop()))
            held.add(word)
        deck += aside
        yield hand


def _at_random(sizes: list[int], hand_size: int, rng: random.Random) -> Iterator[list[tuple[int, int]]]:
    while True:
        yield [(word, rng.randrange(sizes[word])) for word in rng.sample(range(len(sizes)), hand_size)]


def _numbered(lines: Sequence[str]) -> str:
    return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))


def token_statistics(lengths: Iterable[int], max_seq_length: int) -> dict:
    """Return mean, 95th percentile (nearest rank) and maximum of the lengths in tokens, and how many are cut."""
    ordered = sorted(lengths)
    return {
        "counted": len(ordered),
        "mean": fmean(ordered),
        "p95": ordered[math.ceil(0.95 * len(ordered)) - 1],
        "longest": ordered[-1],
        "truncated": sum(length > max_seq_length for length in ordered),
    }


def sentence_words(sentences: Iterable[str]) -> dict:
    """Return mean and median number of words per sentence."""
    lengths = [len(words_of(sentence)) for sentence in sentences]
    return {"mean": fmean(lengths), "median": float(median(lengths))}


def memoriser_floor(
    examples: Iterable[dict],
    sentences: dict[str, tuple[str, ...]],
    words_drawn_from: int,
    completion_tokens: float,
    full_text_tokens: float,
) -> dict:
    """Return the loss of someone who knows every sentence of the bank by heart, as a mean over examples.

    For each slot one of the word's k sentences has to be guessed: ln k, so 10 ln 5 = 16.09 nats per example. On the
    full text, so do the ten of the N words that come, in order: ln(N! / (N - 10)!). Both assume that the draw is
    independent and uniform.

    Args:
        sentences: word -> sentences of the bank.
        words_drawn_from: N.
        completion_tokens, full_text_tokens: mean number of tokens per example over which the loss is taken.

    Returns:
        {"sentences_per_word", "completion": {"nats_per_example", "nats_per_token"}, "full_text": {the same}}.
    """
    choices = [[len(sentences[word]) for word in example["words"]] for example in examples]
    completion = fmean(sum(map(math.log, sizes)) for sizes in choices)
    lists = fmean(sum(math.log(words_drawn_from - i) for i in range(len(sizes))) for sizes in choices)
    full_text = completion + lists
    return {
        "sentences_per_word": fmean(size for sizes in choices for size in sizes),
        "completion": {"nats_per_example": completion, "nats_per_token": completion / completion_tokens},
        "full_text": {"nats_per_example": full_text, "nats_per_token": full_text / full_text_tokens},
    }


def write_examples(path: Path, examples: Sequence[dict]) -> Path:
    """Write examples atomically as a JSON array, one per line, and return the path.

    Raises:
        DiskFull: there is no room for it.
    """
    least = sum(len(example["input"]) + len(example["output"]) for example in examples)
    with files.atomic_file(path, least) as file:  # line by line, because the text of a large bank is a gigabyte
        file.write(b"[\n")
        for number, example in enumerate(examples):
            file.write(b",\n" * bool(number) + json.dumps(example, ensure_ascii=False).encode())
        file.write(b"\n]\n")
    return path


def read_examples(path: Path) -> list[dict]:
    """Read the examples that stage 01 wrote.

    Raises:
        InputError: the file is missing or not an array of examples; the message says which stage makes it.
    """
    if not path.is_file():
        raise InputError(f"{path}: missing; run 01_data_formatting first")
    examples = files.read_json(path, "run 01_data_formatting again")
    keys = {"instruction", "input", "output", "words"}
    if not isinstance(examples, list) or not all(isinstance(e, dict) and keys <= e.keys() for e in examples):
        raise InputError(
            f"{path}: expected an array of examples with {', '.join(sorted(keys))}; run 01_data_formatting"
        )
    return examples
