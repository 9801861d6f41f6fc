"""What formatting takes for a bank of a given size: `python -m benchmarks.scaling.bank SENTENCES` prints it as JSON.

The bank is made by program after the sample corpus: five sentences a target word, as long as the corpus's, each out of
the corpus's words by their frequency there, with the target word at a random place. Target words are made up, since
English has not so many. The other words do not grow with the bank, which is the hard case for finding near-duplicates.
"""

import itertools
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from itertools import chain
from pathlib import Path

from benchmarks.peers import common
from benchmarks.scaling import cpu_time
from cefr_helpers import example_files, formatting, leak_audit, sentence_bank, splitting
from cefr_helpers.levels import LEVELS

SENTENCES_A_WORD = 5
LEVEL = "B2"
_SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]


def made_bank(sentences: int, seed: int = 1) -> dict[str, list[str]]:
    """A made bank, word -> sentences."""
    rng = random.Random(seed)
    found = chain.from_iterable(
        own
        for level in LEVELS
        for own in sentence_bank.read(sentence_bank.BUNDLED / f"{level}.json").sentences.values()
    )
    texts = [sentence_bank.words_of(sentence) for sentence in found]
    counts = Counter(chain.from_iterable(texts))
    words, lengths = list(counts), [len(text) for text in texts]
    cumulative = list(itertools.accumulate(counts.values()))
    bank = {}
    for target in itertools.islice(_made_words(), -(-sentences // SENTENCES_A_WORD)):
        bank[target] = own = []
        for length in rng.choices(lengths, k=SENTENCES_A_WORD):
            said = rng.choices(words, cum_weights=cumulative, k=length)
            said[rng.randrange(length)] = target
            own.append(" ".join(said).capitalize() + ".")
    return bank


def _made_words():
    """Endless words of three and more syllables and a last consonant, each once."""
    for count in itertools.count(3):
        for parts in itertools.product(_SYLLABLES, repeat=count):
            yield "".join(parts) + "x"


def measure(sentences: int) -> dict:
    """CPU seconds of each step of stage 01 but for counting tokens, which ends at ten thousand examples, and memory.

    As many examples are drawn as let each sentence come about once.
    """
    with tempfile.TemporaryDirectory(prefix="cefr-bank-") as folder:
        path = Path(folder) / "bank.json"
        with open(path, "w", encoding="utf-8") as file:
            json.dump(made_bank(sentences), file)
        # in a process of its own: the making takes memory too
        command = [sys.executable, "-m", "benchmarks.scaling.bank", "--of", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def timed(path: Path) -> dict:
    """The steps on a bank's file; what they make goes beside it."""
    steps, begun = {}, cpu_time.own()

    def step(name: str, made):
        nonlocal begun
        steps[name] = cpu_time.own() - begun
        begun = cpu_time.own()
        return made

    bank = step("read and clean", sentence_bank.read(path))
    split = step("split", splitting.split_groups({LEVEL: bank}, "words", 0.1, 1))
    drawn = {part: _examples(bank, split, part) for part in ("train", "eval")}
    for part, examples in drawn.items():
        example_files.write(path.with_name(f"{part}.json"), examples)
    step("draw and write", None)
    leak_audit.leak_audit(drawn["train"], drawn["eval"], "words")
    step("leak audit", None)
    formatting.sentence_words(chain.from_iterable(bank.sentences.values()))
    formatting.memoriser_floor(drawn["eval"], bank.sentences, len(split.held_out[LEVEL]), 150, 250)
    step("statistics", None)
    return {"sentences": bank.sentences_read, "steps": steps, "peak_memory_bytes": common.peak_memory_bytes()}


def _examples(bank, split, part: str):
    sentences = sum(len(bank.sentences[word]) for word in split.words(LEVEL, part))
    return formatting.draw_examples(bank, split, LEVEL, part, max(1, sentences // formatting.WORDS_PER_EXAMPLE), 1)


def main(arguments: list[str]) -> None:
    found = timed(Path(arguments[1])) if arguments[0] == "--of" else measure(int(arguments[0]))
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
