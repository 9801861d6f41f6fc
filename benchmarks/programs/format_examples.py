"""Do stage 01's work on a growing number of examples: read all banks, split, draw, write the file."""

from pathlib import Path

from benchmarks.peers import common
from benchmarks.workload import DEV_SHARE, HELD_OUT_SHARE
from cefr_helpers.data import banks as sentence_bank
from cefr_helpers.data import formatting, splitting


def main(spec: dict) -> None:
    with common.Clock() as clock:
        banks = sentence_bank.read_all(sentence_bank.find(spec["bank"], spec["level"]))
        split = splitting.split_groups(banks, "words", HELD_OUT_SHARE, DEV_SHARE, spec["seed"])
        bank = banks[spec["level"]]
        drawn = formatting.draw_examples(bank, split, spec["level"], "train", spec["examples"], spec["seed"])
        path = formatting.write_examples(Path(spec["folder"]) / "examples.json", drawn)
    size = path.stat().st_size
    path.unlink()
    common.write(spec, [], seconds=clock.seconds, file_bytes=size)


if __name__ == "__main__":
    main(common.specification())
