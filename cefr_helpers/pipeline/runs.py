"""A run for Snakemake: its configuration, the folder of its data, and copying data that runs share."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from cefr_helpers.core import files, locks, records
from cefr_helpers.core.errors import DiskFull, InputError
from cefr_helpers.core.paths import STAGES, Stage, Workspace
from cefr_helpers.core.recipes import DATA_KEYS, load_recipe
from cefr_helpers.pipeline import configuration, stages
from cefr_helpers.pipeline.configuration import RunConfig


@dataclass(frozen=True)
class Run:
    """One run of the stages over its levels.

    Attributes:
        name: its name among the runs of an experiment; "" for a single run.
        settings: its configuration.
        data_root: the output folder of its formatted data: its own, or one that several runs share.
    """

    name: str
    settings: RunConfig
    data_root: str

    @property
    def workspace(self) -> Workspace:
        return self.settings.workspace

    @property
    def data(self) -> RunConfig:
        """The configuration of its data stage."""
        return self.settings.model_copy(update={"output_root": self.data_root})

    @property
    def shares_data(self) -> bool:
        return self.data_root != self.settings.output_root

    @property
    def data_name(self) -> str:
        """The name of the data that it shares; "" if it makes its own."""
        return Path(self.data_root).name if self.shares_data else ""

    def workspace_of(self, stage: str) -> Workspace:
        """Return the workspace of a stage; the data stage may use a shared folder."""
        return self.data.workspace if stage == Stage.FORMAT else self.workspace

    @property
    def unfinished_data(self) -> list[str]:
        """Return the names of the rules of data stages that began and did not end, which Snakemake must run again."""
        return [
            self.format_rule(level)
            for level in self.settings.levels
            if stages.unfinished_mark(self.data.workspace, Stage.FORMAT, level).is_file()
        ]

    def format_rule(self, level: str) -> str:
        """Return the name of the data stage's rule in the Snakefile."""
        return f"{Stage.FORMAT.rule}_{level}_{self.data_name}".strip("_")

    def failures(self, since: float) -> list[str]:
        """Return what failed or did not finish since a time (seconds since 1970), at most one entry per level."""
        found = (self._failure(level, since) for level in self.settings.levels)
        return [failure for failure in found if failure]

    def _failure(self, level: str, since: float) -> str | None:
        """Return run, level, stage, cause and log of the stage that failed, if one did."""
        for stage in STAGES:
            log = stages.executed_notebook(self.workspace_of(stage), stage, level).with_suffix(".log")
            label = f"{self.name} {level} {stage}".strip()
            if log.is_file() and log.stat().st_mtime >= since:
                causes = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("FAILED: ")]
                if causes:
                    return f"{label}: {causes[-1].removeprefix('FAILED: ')}\n    log: {log}"
            mark = stages.unfinished_mark(self.workspace_of(stage), stage, level)
            outputs = stages.outputs(self.workspace, stage, level)
            if mark.is_file() or not all(path.is_file() for path in outputs):
                return f"{label}: did not finish\n    log: {log}"
        return None


def forced(runs: list[Run]) -> list[str]:
    """Return Snakemake's options for stages that look up to date although their last attempt did not end."""
    rules = sorted({rule for run in runs for rule in run.unfinished_data})
    return ["--forcerun", *rules] if rules else []


def planned_jobs(rules: list[str]) -> list[tuple[str, str, str]]:
    """Return (stage, level, run or data) of rules of the Snakefile; a rule that copies shared data counts as itself."""
    stage_of = {stage.rule: stage for stage in STAGES}
    parts = [(*rule.split("_", 2), "")[:3] for rule in rules if "_" in rule]
    return [(stage_of.get(rule, rule), level, name) for rule, level, name in parts]


def plan_lines(settings: RunConfig, rules: list[str]) -> list[str]:
    """Return what a run would do, as one line per level."""
    todo: dict[str, list[str]] = {level: [] for level in settings.levels}
    for stage, level, _ in planned_jobs(rules):
        todo[level].append(stage)
    lines = [f"{level}: {', '.join(sorted(found)) or 'nothing, all is up to date'}" for level, found in todo.items()]
    return ["Would run:", *lines, "Nothing was run."]


def single(settings: RunConfig) -> Run:
    """Return a single run, which formats its data in its own output folder."""
    return Run("", settings, settings.output_root)


def to_config(settings: RunConfig, experiment: str, runs: list[Run]) -> dict:
    """Return Snakemake's configuration for an experiment; `of_config` reads it, and `resources` extends it."""
    told = [{"name": run.name, "settings": run.settings.model_dump(), "data_root": run.data_root} for run in runs]
    return settings.model_dump() | {"experiment": experiment, "runs": told}


def of_config(config: dict) -> tuple[RunConfig, str, list[Run]]:
    """Return the configuration, the experiment's name ("" for none), and the runs: one without an experiment.

    Raises:
        InputError: a value of config.yaml is wrong. The runs of an experiment were checked when it was read.
    """
    values = {key: value for key, value in config.items() if key in RunConfig.model_fields}
    unknown = {key: value for key, value in config.items() if key not in (*values, "experiment", "runs", "needs")}
    settings = configuration.check(values | unknown, "config.yaml")
    if "experiment" not in config:
        return settings, "", [single(settings)]
    told = config["runs"]
    runs = [Run(one["name"], RunConfig.model_validate(one["settings"]), one["data_root"]) for one in told]
    return settings, config["experiment"], runs


def copy_shared_data(level: str, source: Workspace, target: Workspace, recipe: str) -> Path:
    """Copy a level's examples, executed notebook and dataset record, which then names the run's own recipe.

    Returns:
        The path of the record, which is written last.

    Raises:
        InputError: the data was not made with this recipe's data settings.
    """
    record = records.read(source, level, "dataset")
    wanted = load_recipe(recipe)
    differing = [key for key, value in wanted.part(DATA_KEYS).items() if record.recipe.get(key) != value]
    if differing:
        raise InputError(f"{source.record(level, 'dataset')}: made with another {', '.join(differing)} than {recipe}")
    own = record.model_copy(update={"recipe": wanted.as_record(recipe)})
    made = target.record(level, "dataset")
    for path in stages.outputs(target, Stage.FORMAT, level):
        if path != made:
            _copy(source.output_root / path.relative_to(target.output_root), path)
    return files.write_atomically(made, records.as_text(own.as_dict()))


def _copy(source: Path, target: Path) -> None:
    """Copy a file instead of linking it: Snakemake compares times, and a copy is newer than its source."""
    with open(source, "rb") as file, files.atomic_file(target, source.stat().st_size) as copy:
        shutil.copyfileobj(file, copy)


def main(arguments: list[str]) -> int:
    """`python -m cefr_helpers.pipeline.runs LEVEL DATA_ROOT CONFIGURATION_JSON`, called by Snakemake."""
    from cefr_helpers.pipeline.configuration import RunConfig

    locks.die_with_engine()
    level, data_root, values = arguments
    settings = RunConfig.model_validate_json(values)
    try:
        copy_shared_data(level, Workspace.at(data_root, settings.user_data), settings.workspace, settings.recipe)
    except (InputError, DiskFull) as error:
        print(error, file=sys.stderr, flush=True)
        return 1 if isinstance(error, DiskFull) else 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
