"""A bank of thirty words, as few as a level can run with."""

from pathlib import Path

import tiny_models

_MORE = {
    "kettle": "Fill the kettle before you make tea.",
    "ladder": "He climbed the ladder and cleaned the roof.",
    "market": "We buy our vegetables at the market.",
    "needle": "My grandmother lost her needle under the sofa.",
    "orchard": "Pears and plums grow in the orchard.",
    "parcel": "A heavy parcel arrived this morning.",
    "quarrel": "Their quarrel lasted until dinner.",
    "river": "Two boys were fishing in the river.",
    "suitcase": "Is your suitcase too big for the train?",
    "tower": "From the tower you can see the whole town.",
}


def write(path: Path) -> Path:
    """The bank as a table."""
    rows = [*zip(tiny_models.WORDS, tiny_models.SENTENCES, strict=True), *tiny_models.HARD.items(), *_MORE.items()]
    path.write_text("word;sentence\n" + "".join(f"{word};{sentence}\n" for word, sentence in rows))
    return path
