"""README and docs against the code: every command is tried, every link followed, every name looked up."""

import ast
import functools
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
import typer
import yaml
from doc_pages import PAGES, README, ROOT, anchors, commands, doc, links, shell_lines, spans
from typer.testing import CliRunner

from cefr_helpers import cli
from cefr_helpers.core import ratings
from cefr_helpers.core.levels import LEVELS
from cefr_helpers.core.paths import STAGES, Stage, Workspace
from cefr_helpers.core.recipes import Recipe
from cefr_helpers.data import banks
from cefr_helpers.experiments import running
from cefr_helpers.pipeline import snakemake, stages
from cefr_helpers.pipeline.configuration import RunConfig
from cefr_helpers.writing import call, tables
from cefr_helpers.writing.sentences import Collection, written

PYTHON_BIN = Path(sys.executable).parent
COMMANDS = typer.main.get_command(cli.app).commands

# Commands


class Started(Exception):
    """The command accepted its arguments and input, and would begin its work now."""


@pytest.fixture(scope="module")
def readers_folder(tmp_path_factory) -> Path:
    """A folder with the files that readers of the pages make, with the pages' own commands where they give one."""
    folder = tmp_path_factory.mktemp("reader")
    for name in ("docs", "recipes"):
        (folder / name).symlink_to(ROOT / name)
    for line in shell_lines(doc("tutorial.md")):
        if line.startswith("cp "):
            run_in(folder, line)
    (folder / "my_recipe.yaml").write_text((ROOT / "recipes" / "smoke.yaml").read_text())
    (folder / "my_bank").mkdir()
    for name in ("my_bank.csv", "my_bank/words_a2.csv", "my_bank/words_b1.csv"):
        words = json.loads((banks.BUNDLED / "B1.json").read_text())
        rows = [(word, sentence) for word in list(words)[:60] for sentence in words[word]]
        pd.DataFrame(rows, columns=["word", "sentence"]).to_csv(folder / name, index=False)
    (folder / "my_class").mkdir()
    own = list(json.loads((banks.BUNDLED / "B2.json").read_text()).items())[:60]
    made = [written(word, sentences[0], "B2") for word, sentences in own]
    (folder / "my_class" / "B2.json").write_bytes(tables.as_bank(Collection("my_class", "B2", tuple(made))))
    decision = {"word": "dog", "action": "accept", "sentence": "The dog sleeps.", "was": "The dog sleeps."}
    decided = {"schema": 1, "name": "my_class", "level": "B2", "decisions": [decision], "undecided": 0}
    (folder / "my_decided.json").write_text(json.dumps(decided | {"votes": {}, "key": {}}))
    [line] = [line for line in commands(doc("papers.md")) if "> same_recipe.yaml" in line]
    run_in(folder, line)
    # the page tells its reader to check out the record's commit; here, newer keys of recipes are added instead
    now, then = (yaml.safe_load((folder / name).read_text()) for name in ("recipes/cpu.yaml", "same_recipe.yaml"))
    assert then["base_model"] == "bundled" and then.keys() <= now.keys()
    (folder / "same_recipe.yaml").write_text(yaml.safe_dump(now | then))
    return folder


@pytest.fixture
def reader(readers_folder, monkeypatch):
    """The folder where the reader calls commands; no command begins its work."""

    def start(*_):
        raise Started

    monkeypatch.chdir(readers_folder)
    for module, name in (
        (snakemake, "snakemake"),
        (running, "plan"),
        (running, "run"),
        (call, "write"),
        (call, "write_decided"),
    ):
        monkeypatch.setattr(module, name, start)
    return readers_folder


def run_in(folder: Path, line: str) -> str:
    here = {"PATH": f"{PYTHON_BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", line], cwd=folder, env=os.environ | here, capture_output=True, text=True)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


def try_line(line: str, folder: Path) -> None:
    """Run a command if it is quick; otherwise check that its arguments are accepted and its files exist."""
    words = shlex.split(line, comments=True)
    if words[0] == "make":
        done = subprocess.run(["make", "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.replace("\\\n", " ").splitlines()
        lines = [re.sub(r'^\w+=("[^"]*"|\S*)\s+', "", line) for line in lines]  # variables set for this one program
        steps = [step for step in lines if step.startswith(".venv/bin/") and "/pip " not in step]
        assert steps or words[1] in ("setup", "clean")
        for step in steps:
            try_step(step)
    elif Path(words[0]).name == "cefr":
        try_cefr(words[1:])
    elif words[1:3] == ["-m", "pytest"]:
        run_in(ROOT, f"{line} --collect-only -q -p no:cacheprovider")
    elif words[1:2] == ["-m"] and words[2].startswith("tools."):
        run_in(ROOT, f"python -m {words[2]} --help")  # they measure for long, and write into the pages
    else:
        run_in(folder, line.split(" > ")[0])


def try_step(line: str) -> None:
    """A line that make would run: its program is installed, and takes these arguments."""
    program, *arguments = shlex.split(line)
    assert (PYTHON_BIN / Path(program).name).exists(), f"{program} is not installed"
    if program.endswith("/cefr"):
        try_cefr(arguments)
    elif program.endswith("/jupyter"):
        from jupyterlab.labapp import LabApp

        option, page = arguments[1].removeprefix("--LabApp.").split("=/lab/tree/")
        assert arguments[0] == "lab" and LabApp.class_traits()[option] and (ROOT / page).exists()


def try_cefr(arguments: list[str]) -> None:
    """Call commands that check their input first, up to where they would start; of others parse the arguments."""
    name, *options = arguments
    assert name in COMMANDS, f"cefr {name}: no such command"
    shown = "--help" in options
    if name not in ("run", "status", "experiment") and not shown:
        COMMANDS[name].make_context(name, options)
        return
    aside = [] if shown or "--output-root" in options else ["--output-root", "out"]
    result = CliRunner().invoke(cli.app, [name, *options, *aside])
    ends = shown or name == "status" or (name == "run" and "--dry-run" in options)
    expected = result.exit_code == 0 if ends else isinstance(result.exception, Started)
    assert expected, f"cefr {arguments}: {result.exception!r} {result.output}"


@pytest.mark.parametrize(
    "line", dict.fromkeys(line for page in PAGES for line in commands(page)), ids=lambda line: line[:60]
)
def test_every_command_is_one_that_works(line, reader):
    try_line(line, reader)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("make no-such-target", "No rule to make target"),
        ("make run BANKS=my_bank.csv", "BANKS: unknown"),
        ("make run BANK=no_bank.csv LEVELS=B1", "no such file or folder"),
        ("make experiment NAME=no-such", "no-such"),
        ("cefr fly", "no such command"),
        ("cefr run --sead 1", "No such option"),
        ("cefr run --recipe no-such", "expected one of cpu"),
        ("cefr site --seed 1", "No such option"),
        ("python -c 'import no_such_module'", "ModuleNotFoundError"),
        ("python -m pytest tests/test_nothing.py", "file or directory not found"),
    ],
)
def test_a_wrong_command_would_be_found(line, expected, reader):
    with pytest.raises(Exception, match=expected):
        try_line(line, reader)


def test_the_tutorials_dry_run_plans_its_stages(readers_folder):
    [line] = [line for line in commands(doc("tutorial.md")) if line.endswith("--dry-run")]
    planned = run_in(readers_folder, line.replace("cefr ", "python -m cefr_helpers.cli ", 1))
    assert all(stage in planned for stage in STAGES)
    assert not (readers_folder / "my_first" / "runs" / "B1").exists()


# Links


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_every_link_and_anchor_leads_somewhere(page):
    for link in links(page):
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_leads_to_every_page():
    assert {f"docs/{page.name}" for page in PAGES[1:]} <= {link.partition("#")[0] for link in links(README)}


# Names

MAKE_VARIABLES = set(re.search(r"^SETTINGS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split())
OPTIONS = {option for command in COMMANDS.values() for one in command.params for option in one.opts} | {
    "--help",
    "--tiny",
}
KEYS = {*Recipe.model_fields, *RunConfig.model_fields, "recipes", "seeds"}
# Files that readers make or have elsewhere, and files that runs of experiments write under names of their own.
THEIRS = re.compile(
    r"\.\.|my[_-]|words_|PIP_|same_recipe|again/|smoke_|r8\.yaml|r32\.yaml|~/|site/|experiments/rank/|Notes/\w+/experiment_rank_"
)


@functools.cache
def sources() -> str:
    """The text of all files except tests and pages."""
    found = [ROOT / name for name in ("Makefile", "Snakefile", "config.yaml", "requirements.txt", "environment.yml")]
    for folder in ("cefr_helpers", "benchmarks", "notebooks", "recipes", "profiles", "experiments"):
        found += [path for path in (ROOT / folder).rglob("*.*") if path.suffix in (".py", ".j2", ".yaml", ".ipynb")]
    return "\n".join(path.read_text(encoding="utf-8") for path in found)


@functools.cache
def generated() -> str:
    """The paths that runs write, one per line, from the code and from the reference run."""
    workspace = Workspace(ROOT, ROOT / "user_data")
    made = [path for level in LEVELS for stage in STAGES for path in stages.outputs(workspace, stage, level)]
    made += [place(level) for place in (workspace.favourites, workspace.made_bank) for level in LEVELS]
    made += [workspace.written("class_words", level) for level in LEVELS]
    made += [place(level) for place in (workspace.rating_page, workspace.rating_key) for level in LEVELS]
    made += [workspace.record(level, ratings.NAME) for level in LEVELS]
    made += [*stages.outputs(workspace, Stage.REPORT, ""), *stages.outputs(workspace, Stage.EXPERIMENT, "rank")]
    names = [str(path.relative_to(ROOT)) for path in made]
    names += [str(path.relative_to(doc("reference_run"))) for path in doc("reference_run").rglob("*")]
    for record in doc("reference_run").glob("runs/*/training.json"):
        found = json.loads(record.read_text())["results"]
        names += [f"{one['path']}/{file}" for one in (found["adapter"], found["merged_model"]) for file in one["files"]]
        folder = f"user_data/gguf/{found['adapter']['name']}_f16"
        names += [f"{folder}/{file}" for file in (f"{found['adapter']['name']}-F16.gguf", "Modelfile", "export.json")]
    return "".join(f"/{name}/\n" for name in names)


def is_name(text: str) -> bool:
    """Return whether text in code marks names a file, an option or a setting, and not a word or value of an example."""
    return bool(re.fullmatch(r"--\S+( .*)?|\w+: [^\s].*|[A-Z_]+=.*|[\w.~/*-]*[_./][\w.~/*-]*", text))


def is_there(name: str) -> bool:
    if name.startswith("--"):
        return name.split()[0] in OPTIONS
    if found := re.fullmatch(r"([A-Z_]+)=.*", name):
        return found[1] in MAKE_VARIABLES
    if found := re.match(r"(\w+): ", name):
        return found[1] in KEYS
    if found := re.fullmatch(r"(\w+)\.(?!py$|json$|csv$|xml$|html$|docx$)(\w+)", name):
        modules = list((ROOT / "cefr_helpers").rglob(f"{found[1]}.py"))
        if modules:
            return any(found[2] in names_in(module) for module in modules)
    if (ROOT / name).exists() or THEIRS.match(name) or f"/{name.strip('/')}/" in generated():
        return True
    before = r"(?<!\w)" if name[0] != "." else ""
    return bool(re.search(rf"{before}{re.escape(name)}(?!\w)", sources()))


def names_in(module: Path) -> set[str]:
    """The names at the top level of a module."""
    found = set()
    for node in ast.parse(module.read_text()).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        found |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
        found |= {node.name} if isinstance(node, ast.FunctionDef | ast.ClassDef) else set()
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_name_in_code_marks_is_there(page):
    names = [name for name in spans(page) if is_name(name.strip('"')) and name not in commands(page)]
    assert names and [name for name in names if not is_there(name.strip('"'))] == []


@pytest.mark.parametrize(
    "name",
    [
        "--sead",
        "BANKS=x",
        "rank: 8",
        "records.wrote",
        "cefr_helpers/none.py",
        "lora_rnk",
        "runs/B2/data.json",
        "train.py",
    ],
)
def test_a_wrong_name_would_be_found(name):
    assert not is_there(name)
