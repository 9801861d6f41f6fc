# The stages as a graph: order, resume, locks, several levels and runs, clusters. `cefr run` and `cefr experiment` call it
# with a checked configuration; a single run is an experiment with one run.
import json
import os
import shlex
import sys
from functools import cache
from pathlib import Path

from snakemake.utils import min_version

from cefr_helpers.core import locks, recipes
from cefr_helpers.core.levels import LEVELS
from cefr_helpers.core.paths import STAGES, Stage
from cefr_helpers.data import banks as bank_files
from cefr_helpers.pipeline import resources as job_resources
from cefr_helpers.pipeline import runs, stages
from cefr_helpers.training import distributed

min_version("9.0")
configfile: Path(workflow.basedir) / "config.yaml"


class ByRun(dict):
    """Run's name -> its value; "{ByRun:NAME}" in a command is that value, quoted for the shell."""

    def __format__(self, name):
        return shlex.quote(self[name])


SETTINGS, EXPERIMENT, RUNS = runs.of_config(dict(config))
WORKSPACE = SETTINGS.workspace
PYTHON = sys.executable
# These are in the command and not in params: another spelling of the same recipe or folder must not run a stage again.
SETTINGS_JSON = SETTINGS.model_dump_json()
RUN_JSON = ByRun({run.name or "-": run.settings.model_dump_json() for run in RUNS})
# Keyed by the data's name: which of the runs that share the data comes first must not matter.
DATA_JSON = ByRun({run.data_name or "-": run.data.model_dump_json() for run in RUNS})
DATA_ROOT = ByRun({run.name or "-": run.data_root for run in RUNS})
# A stage ends with this process, even if this process is gone before the stage has begun.
ENGINE = f"{locks.ENGINE}={os.getpid()}"
STAGE = f"{{ENGINE}} exec {{PYTHON:q}} -m {stages.__name__} "
TAKE_DATA = f"{{ENGINE}} exec {{PYTHON:q}} -m {runs.__name__} "
FORMAT, TRAIN, COMPARE, PLOT = STAGES
REPORT = Stage.EXPERIMENT if EXPERIMENT else Stage.REPORT
FORMATTED = set()  # data that several runs share is formatted once
recipe_of = cache(recipes.load_recipe)
# A training uses all cores of this machine, or its share if there are several GPUs. On a cluster it requests the
# profile's cpus_per_task, and uses the cores that the job got.
GPUS = workflow.global_resources["gpu"].value if "gpu" in workflow.global_resources else None
CORES = max(1, (workflow.resource_settings.cores or 1) // (GPUS or 1))
# With several at a time the longest chains of jobs go first, so that none is left alone at the end.
AHEAD = len(LEVELS) if (GPUS or 1) > 1 else 0

localrules: levels, report


def made(workspace, stage, level):
    return [str(path) for path in stages.outputs(workspace, stage, level)]


@cache
def code(stage):
    """A stage's notebook and the package modules that it imports."""
    notebook = stages.notebook_path(stage)
    return [str(path) for path in (notebook, *stages.modules_of(notebook))]


def formatted(workspace, level):
    return [str(workspace.formatted_file(level, part)) for part in ("train", "dev", "eval")]


def records(workspace, level, *names):
    return [str(workspace.record(level, name)) for name in names]


def ratings(workspace, level):
    """What readers say, where there is something: a note is made anew when it comes or changes, and nothing else."""
    return [path for path in records(workspace, level, "ratings") if Path(path).is_file()]


@cache
def banks(level):
    """Every level's bank: the split of one level looks at all of them."""
    return [str(path) for path in bank_files.find(SETTINGS.sentence_bank, level).values()]


def depends(run, stage):
    """What of the recipe shapes a stage's result: a change of another key does not run it again."""
    return json.dumps(recipe_of(run.settings.recipe).decisive(stage), sort_keys=True)


def asks(run, stage):
    """Return memory and time of a stage's job, and the number of the attempt."""
    return job_resources.rule_resources(config.get("needs", {}), run.settings.recipe, stage)


# All files of every stage of every level are targets; otherwise a lost one would not be noticed.
rule levels:
    default_target: True
    input: [made(run.workspace, stage, level) for run in RUNS for level in run.settings.levels for stage in STAGES]


for run in RUNS:
    for level in run.settings.levels:
        # a command is built when the job runs, after these loops, so it reads its run and level from params; the
        # priorities finish one level before the next if one job runs at a time
        own, tag, key = run.workspace, f"{level}_{run.name}".strip("_"), run.name or "-"
        first = -LEVELS.index(level)

        if (run.data_root, level) not in FORMATTED:
            FORMATTED.add((run.data_root, level))

            rule:
                name: run.format_rule(level)
                input: banks(level), code(FORMAT)
                # the old data stay until the new are complete, and are restored if the stage fails
                output: [update(path) for path in made(run.data.workspace, FORMAT, level)]
                params: run=run.data_name or "-", level=level, recipe=depends(run, FORMAT), seed=run.settings.seed
                priority: first + 2 * AHEAD
                threads: 1
                resources: cpus_per_task=1, **asks(run, FORMAT)
                shell: STAGE + "{FORMAT} {params.level} {DATA_JSON:{params.run}} {params.run} {resources.attempt}"

        if run.shares_data:

            rule:
                name: f"take_{tag}"
                localrule: True
                input: made(run.data.workspace, FORMAT, level)
                output: made(own, FORMAT, level)
                params: run=key, level=level
                priority: first
                shell: TAKE_DATA + "{params.level} {DATA_ROOT:{params.run}} {RUN_JSON:{params.run}}"

        rule:
            name: f"{TRAIN.rule}_{tag}"
            input: formatted(own, level), records(own, level, "dataset"), code(TRAIN)
            output: made(own, TRAIN, level)
            params: run=key, level=level, recipe=depends(run, TRAIN), seed=run.settings.seed
            priority: first + AHEAD
            threads: CORES * distributed.requested()
            resources: gpu=distributed.requested(), **asks(run, TRAIN)
            shell: STAGE + "{TRAIN} {params.level} {RUN_JSON:{params.run}} {params.run} {resources.attempt}"

        rule:
            name: f"{COMPARE.rule}_{tag}"
            input: formatted(own, level), records(own, level, "dataset", "training"), banks(level), code(COMPARE)
            output: made(own, COMPARE, level)
            params: run=key, level=level, recipe=depends(run, COMPARE), seed=run.settings.seed
            priority: first
            threads: CORES
            resources: gpu=1, **asks(run, COMPARE)
            shell: STAGE + "{COMPARE} {params.level} {RUN_JSON:{params.run}} {params.run} {resources.attempt}"

        rule:
            name: f"{PLOT.rule}_{tag}"
            input: records(own, level, "dataset", "training", "comparison"), ratings(own, level), code(PLOT)
            output: made(own, PLOT, level)
            params: run=key, level=level, language=run.settings.language
            priority: first
            threads: 1
            resources: cpus_per_task=1, **asks(run, PLOT)
            shell: STAGE + "{PLOT} {params.level} {RUN_JSON:{params.run}} {params.run} {resources.attempt}"


# The report covers all levels that have records, whatever this run was about: a failed level must not block it.
rule report:
    input:
        [path for run in RUNS for level in LEVELS for path in records(run.workspace, level, "dataset", "training", "comparison", "ratings") if Path(path).is_file()],
        [str(WORKSPACE.experiment_plan(EXPERIMENT))] if EXPERIMENT else [],
        code(REPORT),
    output: made(WORKSPACE, REPORT, EXPERIMENT)
    params: language=SETTINGS.language, of=EXPERIMENT or "-"
    resources: mem_mb=2000 if EXPERIMENT else 1000, runtime=15
    shell: STAGE + "{REPORT} {params.of} {SETTINGS_JSON:q}"
