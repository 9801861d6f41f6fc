"""How formatting grows with the bank: medians of its steps, and the laws through them."""

from statistics import median

from benchmarks.scaling import fit

GIB = 2**30
TEN_MILLION = 10_000_000


def steps(found: dict) -> dict[str, list[float]]:
    """Step -> its median seconds at each size, "all" being their sum."""
    names = list(found["formatting"][0]["steps"])
    made = {name: [median(row["steps"][name]) for row in found["formatting"]] for name in names}
    return made | {"all": [sum(values) for values in zip(*made.values(), strict=True)]}


def laws(found: dict) -> dict[str, fit.PowerLaw]:
    """Step -> the law through the sizes from ten thousand on."""
    sizes = [row["sentences"] for row in found["formatting"]]
    chosen = [place for place, size in enumerate(sizes) if size >= 10_000]
    return {
        name: fit.power_law([sizes[i] for i in chosen], [values[i] for i in chosen])
        for name, values in steps(found).items()
    }


def memory(found: dict) -> fit.Line:
    """GiB by sentences, a line: program and libraries take their part whatever the bank."""
    return fit.line(
        [row["sentences"] for row in found["formatting"]],
        [median(row["peak_memory_bytes"]) / GIB for row in found["formatting"]],
    )
