"""Make the tables of docs/benchmarks.md, one part per group, only from its results."""

from benchmarks import figures, goals, results
from cefr_helpers.rendering.tables import trusted_markdown_table

_MEGABYTE, _GIGABYTE = 10**6, 10**9


def part(found: dict | None) -> str:
    """Return the page's part on one group."""
    if found is None:
        return "Not measured yet."
    make = {
        "training": training,
        "profile": profile,
        "evaluation": evaluation,
        "generation": generation,
        "overhead": overhead,
        "second": second,
        "growth": growth,
        "gpu": gpu,
    }
    return f"{make[found['group']](found)}\n\n{origin(found)}"


def training(found: dict) -> str:
    """Return speed beside the suite's and the limit, memory, loss; a row with a different loss does not count."""
    suite, limit = (results.median(found, name, "tokens_per_s") for name in ("suite", "limit"))
    rows = []
    for row in found["rows"]:
        own = row["median"].get("tokens_per_s")
        faster = f"{suite / own:.2f}" if suite and own else ""
        rows.append(
            [
                row["label"],
                _failed(row) or _with_range(row, "tokens_per_s", 0),
                "does not count" if row["counts"] is False else faster,
                _percent(own / limit if own and limit else None),
                _number(row["median"].get("peak_memory_bytes"), _MEGABYTE, 0) if "train_s" in row["median"] else "",
                _number(row["median"].get("loss"), 1, 3) + (" \\*" if row["counts"] is False else ""),
            ]
        )
    headings = ["training", "tokens of text a second", "this suite is faster by", "of the limit", "peak memory, MB"]
    marked = f"\\* further than {results.SAME_LOSS:.0%} from this suite's loss: does not count."
    return trusted_markdown_table([*headings, "held-out loss after"], rows, 1) + f"\n\n{marked}"


def profile(found: dict) -> str:
    """Return how the suite's time is spent, one table per row."""
    return "\n\n".join(_failed(row) or _shares(row) for row in found["rows"])


def _shares(row: dict) -> str:
    shares = row.get("shares", {})
    rows = [[what, f"{1000 * own:.1f}", f"{own / sum(shares.values()):.0%}"] for what, own in shares.items()]
    return trusted_markdown_table([row["label"], "milliseconds", "share"], rows, 1)


def evaluation(found: dict) -> str:
    peer, suite = (results.median(found, name, "seconds") for name in ("two_models_bf16", "suite_bf16"))
    rows = [
        [row["label"], str(row["settings"]["examples"]), _failed(row) or _with_range(row, "seconds", 1),
         *(_number(row["median"].get(key), 1, 4) for key in ("base_loss", "tuned_loss")), _check(row)]
        for row in found["rows"]
    ]  # fmt: skip
    headings = ["evaluation", "examples", "seconds", "base loss", "tuned loss", "same result"]
    times = f"\n\nThis suite is {peer / suite:.2f} times as fast." if peer and suite else ""
    return trusted_markdown_table(headings, rows, 1) + times


def generation(found: dict) -> str:
    one_by_one = results.median(found, "one_by_one", "tokens_per_s")
    rows = []
    for row in found["rows"]:
        own = row["median"].get("tokens_per_s")
        rows.append(
            [
                row["label"],
                str(row["settings"]["prompts"]),
                _failed(row) or _with_range(row, "tokens_per_s", 1),
                f"{own / one_by_one:.2f}" if own and one_by_one and "fp32" not in row["name"] else "",
                _check(row),
            ]
        )
    headings = ["generation", "prompts", "new tokens a second", "times one by one", "same result"]
    return trusted_markdown_table(headings, rows, 1)


def overhead(found: dict) -> str:
    [row] = found["rows"]
    kinds = ("start", "imports", "rest", "merging", "loading", "work", "wall")
    rows = [
        [stage, *(f"{seconds[kind]:.1f}" for kind in kinds)]
        for stage, seconds in row["median"].get("stages", {}).items()
    ]
    headings = ["notebook, seconds", "start", "imports", "other cells", "merging", "loading"]
    return _failed(row) or trusted_markdown_table([*headings, "training, scoring, measuring", "all"], rows, 1)


def second(found: dict) -> str:
    [row] = found["rows"]
    kinds = ("start", "imports", "loading", "losses", "answers", "measures", "rest", "wall")
    rows = [
        [run, *(f"{seconds[kind]:.1f}" for kind in kinds)] for run, seconds in row["median"].get("stages", {}).items()
    ]
    headings = ["03_baseline_comparison, seconds", *kinds[:-2], "other cells", "all"]
    share = goals.second_run(found)
    said = f"\n\nThe second run takes {share:.0%} of the first one's time." if share else ""
    return _failed(row) or trusted_markdown_table(headings, rows, 1) + said


def growth(found: dict) -> str:
    rows = [
        [row["label"], _failed(row) or _number(row["median"].get("seconds"), 1, 2),
         _number(row["median"].get("peak_memory_bytes"), _MEGABYTE, 0), str(len(row["measurements"]))]
        for row in found["rows"]
    ]  # fmt: skip
    table = trusted_markdown_table(["examples", "seconds", "peak memory, MB", "measurements"], rows, 1)
    bent = figures.furthest(found)
    said = f"\n\nNo point is further from its line than {bent:.0%} of the line's end." if bent is not None else ""
    return f"![Time and memory against the number of examples](benchmarks/growth.png)\n\n{table}{said}"


def gpu(found: dict) -> str:
    rows = [
        [row["label"], _failed(row) or _with_range(row, "tokens_per_s", 0),
         _percent(row["median"].get("share_of_peak")), _number(row["median"].get("gpu_memory_bytes"), _GIGABYTE, 1),
         _number(row["median"].get("reference_run_s"), 1, 0)]
        for row in found["rows"]
    ]  # fmt: skip
    headings = ["training", "tokens of text a second", "of the bf16 peak", "peak GPU memory, GB", "all steps, seconds"]
    return trusted_markdown_table(headings, rows, 1)


def origin(found: dict) -> str:
    """Return the origin of a group's numbers in one line."""
    hardware, settings = found["hardware"], found["settings"]
    versions: dict[str, set] = {}  # peers have their own versions
    for row in found["rows"]:
        for name, version in row["versions"].items():
            versions.setdefault(name, set()).add(version)
    told = ", ".join(f"{name} {' and '.join(sorted(versions[name]))}" for name in sorted(versions))
    machine = hardware.get("gpu") or f"{hardware['cores']} cores of an {hardware['cpu']}, no GPU"
    commit, plus, changes = found["commit"].partition("+")
    most = max((len(row["measurements"]) for row in found["rows"]), default=0)
    rounds = f"medians of {most}, in brackets the range" if most > 1 else "measured once"
    return (
        f"{found['created'][:10]}, commit `{commit[:10]}{plus}{changes}`, {machine}; bank `{settings['bank']}`, level "
        f"{settings['level']}, seed {settings['seed']}; {rounds}; {told}."
    )


def _failed(row: dict) -> str | None:
    return f"failed: {row['failed'].replace('|', '/')}" if row["failed"] and not row["measurements"] else None


def _with_range(row: dict, key: str, decimals: int) -> str:
    if key not in row["median"]:
        return ""
    low, high = row["range"][key]
    return f"{row['median'][key]:.{decimals}f} [{low:.{decimals}f}, {high:.{decimals}f}]"


def _number(value: float | None, unit: float, decimals: int) -> str:
    return "" if value is None else f"{value / unit:.{decimals}f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _check(row: dict) -> str:
    check = row.get("check", {})
    if "same_answers" in check:
        return f"{check['same_answers']} of {check['of']} answers"
    return f"losses within {check['largest_difference_of_losses']:.1e}" if check else ""
