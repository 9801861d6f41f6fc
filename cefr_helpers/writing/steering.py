"""Steer sampling so that a sentence uses its target word: a logits processor that knows the word's forms as tokens.

Until the word is used, the sentence cannot end, and the first token of each form gets a bonus on its logit that grows
over the first tokens; a form that was begun is finished. If no form was used by a certain token, one is forced there.
No two candidates of one word begin with the same token; first tokens are drawn without replacement by the Gumbel top-k
trick (Kool et al. 2019, arXiv 1903.06059).
"""

import re
from collections.abc import Sequence
from functools import cache

from cefr_helpers.text import headwords, word_match

BONUS = 4.0  # nats on the logit of a form's first token; chosen by trial, see docs/sentences_for_your_class.md
_WHOLE_BONUS = 8  # tokens until the full bonus; with it from the start, the word would nearly always come second
LATEST = 16  # tokens after which a form is forced
_OPENING_TEMPERATURE = 0.8
_STAND_INS = {"sb": "him", "somebody": "him", "someone": "him", "sth": "it", "something": "it"}
_OWNERS = {"one's": "his", "your": "his", "sb's": "his", "someone's": "his", "somebody's": "his", "oneself": "himself"}


@cache
def written_forms(word: str) -> tuple[str, ...]:
    """Return the ways to write a word or phrase in a sentence, each of which `word_match.matches` accepts.

    In a phrase one word at a time is inflected, and placeholders (sb, sth, one's) get a pronoun. Empty if a headword
    can't be written out.
    """
    found: dict[str, None] = {}
    for offered in headwords.alternatives(word):
        parts = [_stand_in(part) for part in offered.split()]
        found |= dict.fromkeys([" ".join(parts), *_inflected(parts)])
    return tuple(one for one in found if word_match.matches(word, one))


def _stand_in(part: str) -> str:
    return _STAND_INS.get(part.lower()) or _OWNERS.get(part.lower()) or part


def _inflected(parts: list[str]) -> list[str]:
    """Return every form of a single word; for a phrase, its first and its last word are inflected in turn."""
    if len(parts) == 1:
        return [_as_written(form, parts[0]) for form in sorted(word_match.forms(parts[0]))]
    rows = [[form, *parts[1:]] for form in sorted(word_match.forms(parts[0]))]
    rows += [[*parts[:-1], form] for form in sorted(word_match.forms(parts[-1]))]
    return [" ".join(row) for row in rows]


def _as_written(form: str, word: str) -> str:
    """Return a form in the case of the word, because forms are lower case and names are not."""
    return form.upper() if word.isupper() and len(word) > 1 else form.capitalize() if word[0].isupper() else form


def processor(tokenizer, words: Sequence[str], bonus: float = BONUS, latest: int = LATEST, seed: int | None = None):
    """Return a logits processor for a batch of answers, one word each; adjacent rows of one word are its candidates.

    Args:
        words: the target word of each row.
        bonus: the full bonus, in nats, on the logit of a form's first token until the word is used.
        latest: number of tokens of the sentence after which only a form may come.
        seed: seed of the first tokens; None leaves them to the sampling.

    Returns:
        A value for `logits_processor` of `transformers.GenerationMixin.generate`; it counts a row's tokens from its
        first call.
    """
    import torch
    from transformers import LogitsProcessor

    forms = {word: _Forms(tokenizer, word) for word in dict.fromkeys(words)}
    ends, openings = _end_tokens(tokenizer), _opening_tokens(tokenizer)
    draws = torch.Generator().manual_seed(seed) if seed is not None else None

    class Steering(LogitsProcessor):
        """Steers a batch; its only state is where the sentences begin, and it reads the generated text at each step."""

        width: int | None = None

        def __call__(self, input_ids, scores):
            if self.width is None:
                self.width = input_ids.shape[1]
            written = input_ids[:, self.width :].tolist()
            for row, (word, text) in enumerate(zip(words, tokenizer.batch_decode(written), strict=True)):
                known = forms[word]
                if "\n" in text:  # the line is complete; the model would begin a second one
                    _only(scores[row], [tokenizer.eos_token_id])
                    continue
                if tokenizer.eos_token_id in written[row] or not known or known.used(text):
                    continue
                scores[row, ends] = -torch.inf
                if (follow := known.follow(written[row])) or len(written[row]) >= latest:
                    _only(scores[row], follow or known.first(written[row]))
                else:
                    scores[row, known.first(written[row])] += bonus * min(1.0, len(written[row]) / _WHOLE_BONUS)
            if draws is not None and not written[0]:
                _distinct(scores, openings, words, draws)
            return scores

    return Steering()


class _Forms:
    """A word's forms as token sequences; false if none can be written."""

    def __init__(self, tokenizer, word: str):
        self._word = word
        written = written_forms(word)
        inside = [f" {form}" for form in written]
        self._inside = [tokenizer.encode(text, add_special_tokens=False) for text in inside]
        opening = [f" {form[0].upper()}{form[1:]}" for form in written]
        self._opening = [tokenizer.encode(text, add_special_tokens=False) for text in opening]

    def __bool__(self) -> bool:
        return bool(self._inside)

    def used(self, text: str) -> bool:
        return word_match.matches(self._word, text)

    def first(self, written: list[int]) -> list[int]:
        """Return the first token of each form, at this position of the sentence."""
        return sorted({ids[0] for ids in (self._inside if written else self._opening)})

    def follow(self, written: list[int]) -> list[int]:
        """Return the tokens that continue or finish a form that was begun; none if none was begun."""
        begun = set()
        for ids in (*self._inside, *self._opening):
            for length in range(1, len(ids)):
                if written[-length:] == ids[:length]:
                    begun.add((length, ids[length]))
        longest = max((length for length, _ in begun), default=0)
        return sorted({token for length, token in begun if length == longest})


def _only(row, tokens: list[int]) -> None:
    """Allow only these tokens."""
    import torch

    kept = row[tokens].clone()
    row.fill_(-torch.inf)
    row[tokens] = kept


def _distinct(scores, openings: list[int], words: Sequence[str], draws) -> None:
    """Allow each row one first token, drawn from the model's distribution, with no two equal for one word."""
    import torch

    logits = torch.full(scores.shape, -torch.inf)
    logits[:, openings] = scores[:, openings].float().cpu() / _OPENING_TEMPERATURE
    start = 0
    while start < len(words):
        end = start
        while end < len(words) and words[end] == words[start]:
            end += 1
        noise = -torch.log(-torch.log(torch.rand(scores.shape[1], generator=draws).clamp(1e-9, 1 - 1e-9)))
        order = torch.topk(logits[start] + noise, end - start).indices.tolist()
        for row, token in zip(range(start, end), order, strict=True):
            _only(scores[row], [token])
        start = end


@cache
def _opening_tokens(tokenizer) -> list[int]:
    """Return the tokens that a sentence may begin with: a space and a capital letter."""
    texts = tokenizer.batch_decode([[token] for token in range(len(tokenizer))])
    return [token for token, text in enumerate(texts) if re.fullmatch(r" [A-Z][A-Za-z']*", text)]


@cache
def _end_tokens(tokenizer) -> list[int]:
    """Return the tokens that may end a sentence: the end token, and all with an end mark or a line break."""
    texts = tokenizer.batch_decode([[token] for token in range(len(tokenizer))])
    return [token for token, text in enumerate(texts) if re.search(r"[.!?\n]", text)] + [tokenizer.eos_token_id]
