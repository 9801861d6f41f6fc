"""Sample candidates for each word in batches, steered to use the word, and save each one at once."""

import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from cefr_helpers.bank_making.storage import ResponseLog
from cefr_helpers.core import files
from cefr_helpers.core.progress import clock
from cefr_helpers.data import formatting
from cefr_helpers.evaluation import parsing
from cefr_helpers.models import generation
from cefr_helpers.writing import steering
from cefr_helpers.writing.writers import Writer

TEMPERATURE = 0.3  # docs/lab_log.md says what readers found at others
MAX_NEW_TOKENS = 44  # for one sentence with its number
BEGUN = "1."  # the beginning of a tuned model's answers
_LINE_BYTES = 150  # size of a candidate in the log


class CandidateLog:
    """The saved candidates of one model at one level, in order of generation; a killed run resumes from them.

    Args:
        folder: folder with one file per model and level.

    Raises:
        InputError: the existing file is not such a log; names file and line.
    """

    def __init__(self, folder: Path, level: str, writer: Writer):
        self.level, self._writer = level, writer
        self.path = folder / f"{level}-{writer.identity[:12]}.jsonl"
        self._log = ResponseLog(self.path)

    def of(self, word: str) -> list[str]:
        """Return the saved candidates of a word, unchanged."""
        return [answer["text"] for answer in self._log.answers if answer["word"] == word]

    def sample(self, words: Sequence[str], count: int, seed: int, say: Callable[[str], None]) -> None:
        """Generate until each of `words` has `count` candidates; those of a word are generated together.

        Raises:
            DiskFull: there is no room for more; earlier candidates are saved.
        """
        counts = {word: count - len(self.of(word)) for word in words}
        todo = [word for word in words for _ in range(max(0, counts[word]))]
        if not todo:
            return
        header = {"level": self.level, "model": self._writer.name, "server": {"kind": "this machine"}}
        with files.explain_full_disk(self.path, len(todo) * _LINE_BYTES):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._log.begin(header)
        started = time.monotonic()
        for batch in _batches(todo):
            answers = self._ask(batch, seed)
            with files.explain_full_disk(self.path, len(batch) * _LINE_BYTES):
                for word, text in zip(batch, answers, strict=True):
                    self._log.add({"word": word, "text": text})
            todo = todo[len(batch) :]
            done = sum(max(0, one) for one in counts.values()) - len(todo)
            passed = time.monotonic() - started
            say(
                f"{done}/{done + len(todo)} candidates  {clock(passed)} passed, "
                f"about {clock(passed / done * len(todo))} left"
            )

    def _ask(self, batch: list[str], seed: int) -> list[str]:
        """Return one line for each word of a batch."""
        have = sum(len(self.of(word)) for word in dict.fromkeys(batch))
        own_seed = zlib.crc32(f"{seed} {have} {' '.join(batch)}".encode())
        models = self._writer.models
        answers = generation.answer(
            models.model,
            models.tokenizer,
            [formatting.make_prompt(self.level, [word]) for word in batch],
            MAX_NEW_TOKENS,
            batch_size=len(batch),
            sample_seed=own_seed,
            temperature=TEMPERATURE,
            begun=BEGUN,
            logits_processor=steering.processor(models.tokenizer, batch, seed=own_seed),
        )
        lines = [parsing.plain(text.split("\n")[0]) for text in answers]
        return [parsing.without_label(line, word) for line, word in zip(lines, batch, strict=True)]


def _batches(todo: list[str]) -> list[list[str]]:
    """Yield batches of about MOST_ROWS that keep a word's candidates together, since no two may begin alike."""
    batches: list[list[str]] = []
    for place, word in enumerate(todo):
        new_word = place == 0 or todo[place - 1] != word
        if not batches or (new_word and len(batches[-1]) >= generation.MOST_ROWS):
            batches.append([])
        batches[-1].append(word)
    return batches
