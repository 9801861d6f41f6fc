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
RECIPE = recipe.read(SETTINGS.recipe)
WORKSPACE = SETTINGS.workspace
PYTHON = sys.executable
# Not a param: another spelling of one recipe or folder is no reason to run a stage again.
SETTINGS_JSON = SETTINGS.model_dump_json()
STAGE = "exec {PYTHON} -m cefr_helpers.pipeline"

wildcard_constraints:
    level="|".join(LEVELS)

localrules: all, report


def code(stage):
    """A stage's notebook and the package modules that it imports."""
    notebook = pipeline.notebook_path(stage)
    return [notebook, *pipeline.modules_of(notebook)]


def banks(wildcards):
    """Every level's bank: the split of one level looks at all of them."""
    return sorted(map(str, sentence_bank.find(SETTINGS.sentence_bank, wildcards.level).values()))


def depends(stage):
    """What of the recipe shapes a stage's result: a change of another key does not run it again."""
    return json.dumps(RECIPE.part(recipe.KEYS_OF_STAGE[stage]), sort_keys=True)


rule format:
    input: banks, code=code("01_data_formatting")
    output: pipeline.outputs(WORKSPACE, "01_data_formatting", "{level}")
    params: recipe=depends("01_data_formatting"), seed=SETTINGS.seed
    threads: 1
    resources: mem_mb=2000, runtime=30
    shell: STAGE + " 01_data_formatting {wildcards.level} {SETTINGS_JSON:q}"


rule train:
    input: rules.format.output, code=code("02_training")
    output: pipeline.outputs(WORKSPACE, "02_training", "{level}")
    params: recipe=depends("02_training"), seed=SETTINGS.seed
    threads: workflow.cores
    resources: gpu=1, mem_mb=8000, runtime=240
    shell: STAGE + " 02_training {wildcards.level} {SETTINGS_JSON:q}"


rule compare:
    input: rules.format.output[:3], rules.train.output[0], code=code("03_baseline_comparison")
    output: pipeline.outputs(WORKSPACE, "03_baseline_comparison", "{level}")
    params: recipe=depends("03_baseline_comparison"), seed=SETTINGS.seed
    threads: workflow.cores
    resources: gpu=1, mem_mb=8000, runtime=120
    shell: STAGE + " 03_baseline_comparison {wildcards.level} {SETTINGS_JSON:q}"


rule plot:
    input: rules.format.output[2], rules.train.output[0], rules.compare.output[0], code=code("04_plotting")
    output: pipeline.outputs(WORKSPACE, "04_plotting", "{level}")
    params: language=SETTINGS.language
    threads: 1
    resources: mem_mb=1000, runtime=15
    shell: STAGE + " 04_plotting {wildcards.level} {SETTINGS_JSON:q}"


# Over the levels that have records, whatever this run was about: a failed level must not hold the report back.
rule report:
    input:
        [path for level in LEVELS for name in ("dataset", "training", "comparison")
         if (path := WORKSPACE.record(level, name)).is_file()],
        code=code("05_final_report")
    output: pipeline.outputs(WORKSPACE, "05_final_report", "")
    params: language=SETTINGS.language
    resources: mem_mb=1000, runtime=15
    shell: STAGE + " 05_final_report - {SETTINGS_JSON:q}"


# Names every stage's files: a lost one is only noticed when it is a target.
rule levels:
    default_target: True
    input:
        [pipeline.outputs(WORKSPACE, stage, level) for level in SETTINGS.levels for stage in recipe.KEYS_OF_STAGE]
