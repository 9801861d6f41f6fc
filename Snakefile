# The stages as a graph: order, resume, locks, several levels, clusters. `cefr run` calls it with a checked configuration.
import json
import sys
from pathlib import Path

from snakemake.utils import min_version

from cefr_helpers import configuration, pipeline, recipe, sentence_bank
from cefr_helpers.levels import LEVELS

min_version("9.0")
configfile: Path(workflow.basedir) / "config.yaml"

SETTINGS = configuration.check(dict(config), "config.yaml")
RECIPE = recipe.load_recipe(SETTINGS.recipe)
WORKSPACE = SETTINGS.workspace
PYTHON = sys.executable
# In the command and no param: another spelling of one recipe or folder is no reason to run a stage again.
SETTINGS_JSON = SETTINGS.model_dump_json()
STAGE = "exec {PYTHON} -m cefr_helpers.pipeline "
FORMAT, TRAIN, COMPARE, PLOT = recipe.KEYS_OF_STAGE

localrules: levels, report


def made(stage, level):
    return [str(path) for path in pipeline.outputs(WORKSPACE, stage, level)]


def code(stage):
    """A stage's notebook and the package modules that it imports."""
    notebook = pipeline.notebook_path(stage)
    return [str(path) for path in (notebook, *pipeline.modules_of(notebook))]


def records(level, *names):
    return [str(WORKSPACE.record(level, name)) for name in names]


def banks(level):
    """Every level's bank: the split of one level looks at all of them."""
    return [str(path) for path in sentence_bank.find(SETTINGS.sentence_bank, level).values()]


def depends(stage):
    """What of the recipe shapes a stage's result: a change of another key does not run it again."""
    return json.dumps(RECIPE.part(recipe.KEYS_OF_STAGE[stage]), sort_keys=True)


# A file for every stage of every level is a target: a lost one would not be noticed otherwise.
rule levels:
    default_target: True
    input: [made(stage, level) for level in SETTINGS.levels for stage in recipe.KEYS_OF_STAGE]


for level in SETTINGS.levels:
    # a command is put together when the job runs, with the last level of this loop: it takes its own from params;
    # priorities finish one level before the next

    rule:
        name: f"format_{level}"
        input: banks(level), code(FORMAT)
        output: made(FORMAT, level)
        params: level=level, recipe=depends(FORMAT), seed=SETTINGS.seed
        priority: -LEVELS.index(level)
        threads: 1
        resources: mem_mb=2000, runtime=30
        shell: STAGE + "{FORMAT} {params.level} {SETTINGS_JSON:q}"

    rule:
        name: f"train_{level}"
        input: made(FORMAT, level)[:3], code(TRAIN)
        output: made(TRAIN, level)
        params: level=level, recipe=depends(TRAIN), seed=SETTINGS.seed
        priority: -LEVELS.index(level)
        threads: workflow.cores
        resources: gpu=1, mem_mb=8000, runtime=240
        shell: STAGE + "{TRAIN} {params.level} {SETTINGS_JSON:q}"

    rule:
        name: f"compare_{level}"
        input: made(FORMAT, level)[:2], records(level, "dataset", "training"), banks(level), code(COMPARE)
        output: made(COMPARE, level)
        params: level=level, recipe=depends(COMPARE), seed=SETTINGS.seed
        priority: -LEVELS.index(level)
        threads: workflow.cores
        resources: gpu=1, mem_mb=8000, runtime=120
        shell: STAGE + "{COMPARE} {params.level} {SETTINGS_JSON:q}"

    rule:
        name: f"plot_{level}"
        input: records(level, "dataset", "training", "comparison"), code(PLOT)
        output: made(PLOT, level)
        params: level=level, language=SETTINGS.language
        priority: -LEVELS.index(level)
        threads: 1
        resources: mem_mb=1000, runtime=15
        shell: STAGE + "{PLOT} {params.level} {SETTINGS_JSON:q}"


# Over the levels that have records, whatever this run was about: a failed level must not hold the report back.
rule report:
    input:
        [path for level in LEVELS for path in records(level, "dataset", "training", "comparison") if Path(path).is_file()],
        code("05_final_report"),
    output: made("05_final_report", "")
    params: language=SETTINGS.language
    resources: mem_mb=1000, runtime=15
    shell: STAGE + "05_final_report - {SETTINGS_JSON:q}"
