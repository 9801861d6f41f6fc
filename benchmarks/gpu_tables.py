"""Make the tables that `make gpu-check` puts into docs/gpu.md, only from its result."""

from pathlib import Path

from benchmarks import gpu
from cefr_helpers.core import files, records
from cefr_helpers.core.paths import project_root
from cefr_helpers.rendering.tables import trusted_markdown_table
from tools import marked_parts

START, END = "<!-- made by `make gpu-check`: start -->", "<!-- made by `make gpu-check`: end -->"
NAMES = {
    "smoke": "recipe `smoke`, bundled model",
    "cpu": "the same on the CPU of that machine",
    "bundled": "bundled model, settings of `reference`",
    "llama": "Llama-3.2-1B's configuration, random weights, settings of `reference`",
    "fp16": "bundled model, settings of `reference` in fp16",
    "choices": "bundled model, `batch_size: auto`, `keep_best_by: joint_success`",
}


def publish(found: dict) -> Path:
    """Write the result beside the published ones and renew docs/gpu.md from it."""
    folder = project_root() / "docs"
    files.write_atomically(folder / "benchmarks" / "gpu_check.json", records.as_text(found))
    page = folder / "gpu.md"
    return files.write_atomically(page, with_table(page.read_text(encoding="utf-8"), found))


def with_table(text: str, found: dict) -> str:
    """Return the page's text with the tables between its marks."""
    return marked_parts.replace(text, START, END, table(found))


def table(found: dict) -> str:
    """Return runs, speed, and the origin of the numbers."""
    parts = found["parts"]
    rows = [_run(NAMES[name], parts[name]) for name in NAMES if name in parts]
    headings = ["run", "precision", "steps", "seconds a step", "peak GPU memory, GB", "loss, base → tuned"]
    made = [trusted_markdown_table([*headings, "Joint Success, base → tuned", "all stages, seconds"], rows, 1)]
    if all("train_losses" in parts.get(name, {}) for name in ("smoke", "cpu")):
        made.append(_differences(parts["smoke"], parts["cpu"]))
    if "ran" in parts.get("choices", {}):
        made.append(
            f"With {gpu.LITTLE_MEMORY / 1e9:.0f} GB of the GPU's memory, `batch_size: auto` took "
            f"{parts['choices']['ran']['batch_size']} of 64 examples at a time."
        )
    if "write_s" in parts.get("write", {}):
        made.append(f"`cefr write` took {parts['write']['write_s']:.0f} s for {parts['write']['words']} words.")
    if "rows" in parts.get("speed", {}):
        made.append(_speed(parts["speed"]["rows"]))
    return "\n\n".join([*made, _origin(found)])


def _run(label: str, part: dict) -> list[str]:
    if "failed" in part:
        return [label, f"failed: {part['failed'].splitlines()[0]}", *[""] * 6]
    memory = part["peak_gpu_memory_bytes"]
    success = part["joint_success"]
    return [
        label,
        f"{part['precision']}{', base in 4 bits' if part['ran']['load_in_4bit'] else ''}",
        str(part["steps"]),
        "" if part["step_s"] is None else f"{part['step_s']:.2f}",
        "" if memory is None else f"{memory / 1e9:.1f}",
        f"{part['base_loss']:.3f} → {part['tuned_loss']:.3f}",
        f"{success['base']:.0%} → {success['tuned']:.0%}",
        str(sum(part["stages_s"].values())),
    ]


def _differences(gpu: dict, cpu: dict) -> str:
    losses = zip(gpu["train_losses"], cpu["train_losses"], strict=True)
    training = max(abs(one - other) / other for one, other in losses)
    base, tuned = (abs(gpu[who] - cpu[who]) / cpu[who] for who in ("base_loss", "tuned_loss"))
    return (
        f"Between GPU and CPU the losses of the steps differ by at most {training:.2%}, the held-out loss of the base "
        f"by {base:.2%} and that of the tuned model by {tuned:.2%}."
    )


def _speed(rows: list[dict]) -> str:
    made = []
    for row in rows:
        times = [one["reference_run_s"] for one in row["measurements"] if "reference_run_s" in one]
        if times:
            loss = row["measurements"][-1].get("last_train_loss")  # peers do not report it
            seconds = [f"{times[0]:.0f}", f"{times[-1]:.0f}" if len(times) > 1 else "not measured"]
            made.append([row["label"], *seconds, "" if loss is None else f"{loss:.4f}"])
    headings = [
        "training of the recipe's shape",
        "290 steps, first level, s",
        "further level, s",
        "training loss at the end",
    ]
    return trusted_markdown_table(headings, made, 1)


def _origin(found: dict) -> str:
    """Return machine, commit and versions of the parts, once if they are the same."""
    told: dict[str, list[str]] = {}
    for name, part in found["parts"].items():
        if "hardware" in part and name != "cpu":
            told.setdefault(_machine(part), []).append(name)
    return " ".join(f"{', '.join(names)}: {machine}." for machine, names in told.items())


def _machine(part: dict) -> str:
    hardware, versions = part["hardware"], part["versions"]
    machine = hardware.get("gpu") or f"{hardware['cores']} cores of an {hardware['cpu']}, no GPU"
    commit, plus, changes = part["commit"].partition("+")
    libraries = ", ".join(f"{name} {versions[name]}" for name in sorted(versions))
    run = f"{part['created'][:10]}, commit `{commit[:10]}{plus}{changes}`, {machine}; {libraries}"
    return f"{run}; bank `{part['bank']}`"
