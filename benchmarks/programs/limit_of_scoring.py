"""Compute the limit of evaluation: the matrix products of a base pass and a tuned pass at the bf16 rate."""

from pathlib import Path

from benchmarks.peers import common
from benchmarks.programs import limit


def main(spec: dict) -> None:
    rows = common.read(spec["eval_rows"])[: spec["examples"]]
    tokens = sum(len(row["input_ids"]) for row in rows)
    rate = limit.flop_per_s(spec["size"], spec["rounds"])
    needed = tokens * limit.flop_per_scored_token(Path(spec["model"]), spec["rank"])
    common.write(spec, ["torch"], flop_per_s=rate, flop=needed, seconds=needed / rate)


if __name__ == "__main__":
    main(common.specification())
