"""docs/scaling.md: its tables and sentences with numbers, out of the measurements' file alone."""

import json
from pathlib import Path
from statistics import median

from benchmarks.scaling import fit, growth
from benchmarks.scaling.growth import GIB, TEN_MILLION
from cefr_helpers.paths import project_root
from cefr_helpers.tables import markdown_table

PAGE = project_root() / "docs" / "scaling.md"
FOLDER = project_root() / "docs" / "scaling"
MEASURED = FOLDER / "measured.json"
_PART = "<!-- made by `make scaling`: {} -->"
_NAMES = {
    "bundled": "SmolLM2-135M (bundled)",
    "unsloth/Llama-3.2-1B-Instruct": "Llama-3.2-1B",
    "unsloth/Llama-3.2-3B-Instruct": "Llama-3.2-3B",
    "unsloth/Meta-Llama-3.1-8B-Instruct": "Llama-3.1-8B",
}


def filled(text: str, found: dict) -> str:
    """The page's text with each part between its two marks renewed.

    Raises:
        ValueError: a part has no place in the page.
    """
    for name, content in parts(found).items():
        start, end = (_PART.format(f"{name}, {which}") for which in ("start", "end"))
        if text.count(start) != 1 or text.count(end) != 1:
            raise ValueError(f"{PAGE}: expected `{start}` and `{end}` once each")
        before, rest = text.split(start)
        text = f"{before}{start}\n{content}\n{end}{rest.split(end)[1]}"
    return text


def load() -> dict:
    return json.loads(MEASURED.read_text(encoding="utf-8"))


def parts(found: dict) -> dict[str, str]:
    """Name of each made part of the page -> its Markdown."""
    return {
        "origin": _origin(found),
        "machines": _machines(found),
        "bottlenecks": _bottlenecks(found),
        "stages": _stages(found),
        "assumptions": _assumptions(found),
        "sensitivity": _sensitivity(found),
        "rehearsal": _rehearsal(found),
        "planning": _planning(found),
        "formatting": _formatting(found),
        "ten million": _ten_million(found),
    }


def _origin(found: dict) -> str:
    own, hardware = found["origin"], found["origin"]["hardware"]
    counts = [len(values) for values in found["light_stages"].values()]
    counts += [len(row["seconds"]) for row in found["planning"]]
    counts += [len(row["peak_memory_bytes"]) for row in found["formatting"]]
    rounds = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    memory_gib = hardware["memory_bytes"] / GIB
    return (
        f"Measured on {own['created'][:10]} at commit `{own['commit'][:10]}` by `{own['command']}`: "
        f"{hardware['cores']} cores of an {hardware['cpu']}, {memory_gib:.0f} GiB of memory, Python {own['python']}, "
        f"Snakemake {own['snakemake']}; medians of {rounds} rounds, in CPU time, since other work ran on the "
        f"machine (load {own['load'][0]:.1f} before, {own['load'][1]:.1f} after): take them as orders of magnitude. "
        f"Simulated at commit `{found['simulated_by'][:10]}`."
    )


def _machines(found: dict) -> str:
    first = found["machines"][0]["total_s"]
    heads = ["GPUs", "time", "faster than one", "GPUs at work", "price, rented", "price, at work", "longest jobs first"]
    rows = [
        [
            str(one["gpus"]),
            duration(one["total_s"]),
            f"{first / one['total_s']:.1f}",
            f"{one['gpu_busy_share']:.0%}",
            f"${one['price_rented']:,.0f}",
            f"${one['price_busy']:,.0f}",
            duration(one["longest_first_s"]),
        ]
        for one in found["machines"]
    ]
    return markdown_table(heads, rows, numbers_from=0)


def _bottlenecks(found: dict) -> str:
    names = list(found["machines"][0]["bounds_s"])
    rows = [
        [str(one["gpus"]), *(duration(one["bounds_s"][name]) for name in names), f"**{one['bottleneck']}**"]
        for one in found["machines"]
    ]
    table = markdown_table(["GPUs", *names, "bottleneck"], rows, numbers_from=0)
    return f"{table}\n\n{_chain(found['machines'][-1])}"


def _chain(row: dict) -> str:
    steps = ", ".join(f"{one['kind']} {duration(one['s'])}" for one in row["critical_path"])
    model = _NAMES[row["critical_path"][-1]["model"]]
    return f"The longest chain is that of one run and level with {model}: {steps}."


def _stages(found: dict) -> str:
    kinds = ("format", "take", "train", "compare", "plot")
    times = {(one["kind"], one["model"]): one["s"] for one in found["jobs"]}
    counts = {kind: sum(one["jobs"] for one in found["jobs"] if one["kind"] == kind) for kind in kinds}
    rows = [[_NAMES[model], *(duration(times[kind, model]) for kind in kinds)] for model in _NAMES]
    rows.append(["jobs in the grid", *(str(counts[kind]) for kind in kinds)])
    return markdown_table(["", *kinds], rows, numbers_from=1)


def _assumptions(found: dict) -> str:
    known, assumed = found["known"], found["assumed"]
    sizes = ", ".join(f"{_NAMES[model]} {size / 1e9:.2f}" for model, size in assumed["parameters"].items())
    light = found["light_stages"]
    rows = [
        [
            "format, take, plot, report",
            "measured",
            ", ".join(f"{name} {median(light[name]):.1f} s" for name in ("format", "take", "plot", "report")),
        ],
        ["libraries of a stage with a model", "measured", f"{known['start_s']:.1f} s"],
        [
            "loading, saving, merging",
            "reference run",
            f"{known['around_training_s'] - known['start_s']:.0f} s for "
            f"{known['parameters'] / 1e9:.3f} billion parameters; others in proportion",
        ],
        ["tokens an example", "reference run", f"{known['tokens_an_example']:.0f}"],
        ["parameters, billions", "their makers", sizes],
        ["what a GPU keeps up in training", "**assumed**", f"{assumed['training_tflops']:.0f} TFLOP/s"],
        [
            f"a decoding step of {assumed['answers_at_a_time']} answers",
            "**assumed**",
            f"{1000 * assumed['decoding_step_s']:.0f} ms",
        ],
        ["CPU slots a GPU", "**assumed**", str(assumed["cpu_slots_per_gpu"])],
        ["an hour of a GPU", "**assumed**", f"${assumed['gpu_hour_price']:.2f}"],
    ]
    return markdown_table(["what", "from", "value"], rows)


def _sensitivity(found: dict) -> str:
    names = {
        "training_tflops": "TFLOP/s in training",
        "decoding_step_s": "seconds a decoding step",
        "loading_factor": "loading, saving and merging, times",
    }
    gpus = [str(one["gpus"]) for one in found["machines"]]
    rows = [["as assumed", *(f"{duration(one['total_s'])}, {one['bottleneck']}" for one in found["machines"])]]
    for one in found["sensitivity"]:
        cells = [f"{duration(one['machines'][n]['total_s'])}, {one['machines'][n]['bottleneck']}" for n in gpus]
        rows.append([f"{names[one['assumption']]}: {one['value']:g}", *cells])
    return markdown_table(["", *(f"{n} GPU" + "s" * (n != "1") for n in gpus)], rows)


def _rehearsal(found: dict) -> str:
    own = found["rehearsal"]
    off = own["measured_s"] / own["simulated_s"] - 1
    return (
        f"Check: Snakemake really ran {own['jobs']} jobs of such a grid as sleeps on {own['gpus']} pretended GPUs, all "
        f"times shortened alike. Simulated {own['simulated_s']:.1f} s, measured {own['measured_s']:.1f} s ({off:+.0%})."
    )


def _planning(found: dict) -> str:
    rows = [
        [str(one["jobs"]), f"{median(one['seconds']):.1f}", f"{1000 * median(one['seconds']) / one['jobs']:.1f}"]
        for one in found["planning"]
    ]
    straight = fit.line([one["jobs"] for one in found["planning"]], _medians(found["planning"]))
    table = markdown_table(["jobs", "seconds", "ms a job"], rows, numbers_from=0)
    return (
        f"{table}\n\nA line of {straight.constant:.1f} s and {1000 * straight.slope:.1f} ms a job; they lie off it by "
        f"{straight.deviation:.1f} s."
    )


def _medians(rows: list[dict]) -> list[float]:
    return [median(row["seconds"]) for row in rows]


def _formatting(found: dict) -> str:
    series, fitted = growth.steps(found), growth.laws(found)
    heads = ["sentences", *series, "memory, GiB"]
    rows = []
    for place, row in enumerate(found["formatting"]):
        peak = median(row["peak_memory_bytes"]) / GIB
        rows.append([f"{row['sentences']:,}", *(f"{series[name][place]:.2f}" for name in series), f"{peak:.2f}"])
    rows.append(["power of growth", *(_exponent(fitted[name]) for name in series), ""])
    return markdown_table(heads, rows, numbers_from=0)


def _exponent(law: fit.PowerLaw) -> str:
    return f"{law.exponent:.2f} ± {law.logarithms.slope_half_width:.2f}"


def _ten_million(found: dict) -> str:
    fitted, straight = growth.laws(found), growth.memory(found)
    law = fitted["all"]
    time_s, low_s, high_s = (duration(one) for one in law.at(TEN_MILLION))
    gib, low, high = straight.at(TEN_MILLION)
    slowest = max((name for name in fitted if name != "all"), key=lambda name: fitted[name].at(TEN_MILLION)[0])
    longest = duration(fitted[slowest].at(TEN_MILLION)[0])
    return (
        f"**Ten million sentences** would take {time_s} of one core (95 % prediction interval {low_s} to {high_s}), by "
        f"a power law through {law.logarithms.points} sizes to {law.high_x:,} sentences, off which the measured ones "
        f'lie by {law.residual - 1:.0%}; longest the step "{slowest}", {longest}. They would take {gib:.0f} GiB of '
        f"memory ({low:.0f} to {high:.0f}), by a line of {straight.slope * 1e6:.2f} GiB a million sentences, off which "
        f"the measured sizes lie by {1024 * straight.deviation:.0f} MiB."
    )


def duration(seconds: float) -> str:
    """4 s, 12 min, 3.4 h, 5.2 days."""
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def write(found: dict) -> Path:
    """Renew the page."""
    from cefr_helpers import records

    return records.write_atomically(PAGE, filled(PAGE.read_text(encoding="utf-8"), found))
