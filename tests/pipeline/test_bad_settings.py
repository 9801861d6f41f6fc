"""Bad recipes, configuration, options, parameters and levels: exit code 2, the problem is named, nothing is written."""

import json
import os
import subprocess
import sys
from types import NoneType
from typing import Literal, get_args, get_origin

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from refusals import Refusals, listing

from cefr_helpers.core import files, levels, paths, recipes, records
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import STAGES, Stage, Workspace, project_root
from cefr_helpers.data import splitting
from cefr_helpers.pipeline import configuration, stages
from cefr_helpers.pipeline.configuration import RunConfig

SMOKE = yaml.safe_load((project_root() / "recipes" / "smoke.yaml").read_text())
CONFIG = yaml.safe_load((project_root() / "config.yaml").read_text())
LEVELS_THAT_ARE_NONE = [
    "../B2", "B2/", "b2", "B2 ", "", "CON", "NUL", "B3", "C2", ".", "..", "B2\n", "Ｂ2", "Bı", "/B2", "B2\x00",
    "B" * 5000,
]  # fmt: skip


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys) -> Refusals:
    return Refusals(tmp_path, monkeypatch, capsys)


# Recipes: every key with values of the wrong kind


def wrong_values(annotation) -> list:
    """Values that no key of this type accepts, in any range."""
    if get_origin(annotation) is Literal:
        return ["", "COSİNE", "bundled ", 0, 1.5, None, True, [], float("nan")]
    numbers = [float("nan"), float("inf"), -1, -0.5, 10**30, "8", "1e-3", "", None, True, [8]]
    kinds = {
        bool: ["true", "yes ", 0, 1, 0.0, None, []],
        int: [*numbers, 0, 1.5],
        float: [*numbers, float("-inf")],
        str: ["", 0, 1.5, True, None, ["bundled"], float("nan")],
        tuple[str, ...]: [
            [],
            "q_proj",
            None,
            3,
            ["Q_PROJ"],
            ["q_proj", "q_proj"],
            [1],
            ["../q_proj"],
            ["q_proj", None],
        ],
    }
    found = kinds[next(kind for kind in kinds if kind == annotation or kind in get_args(annotation))]
    return [value for value in found if value is not None or NoneType not in get_args(annotation)]


WRONG = [
    (key, value)
    for key, field in recipes.Recipe.model_fields.items()
    for value in wrong_values(field.annotation)
    if not (key == "base_model_revision" and value == "")
    if not (key in ("generation_samples", "self_training_examples") and value == 0)
]


@pytest.mark.parametrize(("key", "value"), WRONG, ids=[f"{key}-{str(value)[:12]}" for key, value in WRONG])
def test_a_wrong_value_in_a_recipe_is_named_with_its_key(tmp_path, key, value):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(SMOKE | {key: value}))
    with pytest.raises(InputError) as error:
        recipes.load_recipe(str(path))
    assert str(error.value).startswith(f"{path}: not a valid recipe\n  {key}")
    assert len(str(error.value)) < 400


RECIPE_FILES = [
    (b"", "found nothing"),
    (b"# only a comment\n", "found nothing"),
    (b"- bundled\n", "found list"),
    (b"bundled", "found text"),
    (b"seed: [8\n", "not valid YAML"),
    (b"a: b: c\n", "not valid YAML"),
    (b"\tbase_model: bundled\n", "not valid YAML"),
    (b"base_model: bundled\nbase_model: bundled\n", "line 2: key 'base_model' is given twice (first in line 1)"),
    ("base_model: caf\xe9\n".encode("latin-1"), "not UTF-8 text"),
    ("base_model: bundled\n".encode("utf-16"), "not UTF-8 text"),
    (b"base_model: bun\x00dled\n", "not valid YAML"),
    (b"base_model: bun\x1bdled\n", "not valid YAML"),
    (b'base_model: "\\ud800"\n', "base_model"),
    (b"epochs: " + b"[" * 3000 + b"]" * 3000, "nested"),
    (b"epochs: {a: {b: 1}}\n", "line 1: 'epochs' is nested"),
    (b"epochs: [[[1]]]\n", "line 1: 'epochs' is nested"),
    (b"a: &a [*a]\n", "'a' is nested"),
    (b"? [a, b]\n: 1\n", "line 1: a key is nested"),
    (b"? {a: b}\n: 1\n", "line 1: a key is nested"),
    (b"<<: {a: 1}\n", "line 1: '<<' is nested"),
    (b"epochs: 2026-13-45\n", "not valid YAML"),
    (b"epochs: !!int ''\n", "not valid YAML"),
    (b"epochs: !!float x\n", "not valid YAML"),
    (b"epochs: !!bool x\n", "not valid YAML"),
    (b"epochs: !!timestamp x\n", "not valid YAML"),
    (b"epochs: " + b"9" * 5000 + b"\n", "not valid YAML"),
    (b"epochs: 0x" + b"f" * 20000 + b"\n", "epochs"),
    (b"epochs: !!python/object/apply:os.system ['touch pwned']\n", "not valid YAML"),
    (b"epochs: !!python/name:os.system\n", "not valid YAML"),
    (b"1: 2\n", "mine.yaml"),
    (b"null: 2\n", "mine.yaml"),
    (b"lora_rank: 8\n", "base_model: missing"),
    (b"%YAML 9.9\n---\na: 1\n", "not valid YAML"),
    (b"a: 1\n---\nb: 2\n", "not valid YAML"),
    (b"a: *nowhere\n", "not valid YAML"),
    (b"LORA_RANK: 8\n", "LORA_RANK: unknown key"),
    ("l\u0131near: 8\n".encode(), "unknown key"),
    (b"hf_token: hf_secretsecret\n", "hf_token: unknown key"),
]
# each alias contains the previous one ten times: a page that expands to gigabytes
LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(("content", "expected"), [*RECIPE_FILES, (LAUGHS.encode(), "is nested")], ids=range(39))
def test_a_file_that_is_no_recipe_is_refused(refused, tmp_path, content, expected):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    message = refused("run", "--levels", "B2", "--recipe", path, "--output-root", tmp_path / "out")
    assert str(path) in message and expected in message and "hf_secretsecret" not in message
    assert len(message) < 6000


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("referense", "not found"), ("../config", "not found"),
        ("../recipes/cpu", "not found"), ("CON", "not found"),
        ("", "recipe"), (" ", "not the name of a file"), ("cpu.yml", "not found"),
        ("/dev/null.yaml", "not found"), (".", "not found"),
        ("cpu\n", "control characters"), ("x" * 5000, "too long"), ("CPU", "not found"), ("smoke.yaml/", "not found"),
        ("cpu\x1b[2J", "control characters"), ("~nobody-here/x", "expected"), ("reference.yaml.exe", "not found"),
    ],
)  # fmt: skip
def test_a_recipe_that_is_not_there_is_named(refused, tmp_path, name, expected):
    message = refused("run", "--levels", "B2", "--recipe", name, "--output-root", tmp_path / "out")
    assert expected in message and "\x1b" not in message


@pytest.mark.parametrize(
    "model", ["../../etc", "/etc/passwd", "./nowhere", "~/nowhere", "a/b/c", "a b", "..", "-x/y", "é/x"]
)
def test_a_base_model_that_is_none_is_named_before_anything_starts(refused, tmp_path, model):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(SMOKE | {"base_model": model}))
    message = refused("run", "--levels", "B2", "--recipe", path, "--output-root", tmp_path / "out")
    assert "base_model: " in message and "`base_model: bundled`" in message or "not a model folder" in message


# config.yaml and the command's options

CONFIG_WRONG = [
    (key, value)
    for key, values in {
        "levels": ["B2", [], None, 2, ["B2", "B2"], ["B2", None], [["B2"]], [True], ["B2", "b2"], [float("nan")]],
        "recipe": [1, None, "", True, ["cpu"], "nope", "../config"],
        "sentence_bank": [1, None, "", False, [], "nowhere", "a\tb", "../../nowhere", "{x}"],
        "language": ["fr", "EN", "Tr", "İngilizce", "", None, 1, "en ", ["en"], "../en"],
        "output_root": [
            1,
            None,
            "",
            [],
            "README.md",
            "README.md/below",
            "a\tb",
            "{x}",
            "x" * 5000,
            "~nobody-here/x",
            " ",
        ],
        "user_data": [1, None, "", [], "README.md", "Makefile/below", "a\tb", "x" * 5000, "~nobody-here/x", " "],
        "seed": [-1, 2**32, 10**30, 1.0, 1.5, "1", None, True, float("nan"), float("inf"), [1]],
    }.items()
    for value in values
]


@pytest.mark.parametrize(("key", "value"), CONFIG_WRONG, ids=[f"{k}-{str(v)[:12]}" for k, v in CONFIG_WRONG])
def test_a_wrong_value_in_the_configuration_is_named(tmp_path, key, value):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(CONFIG | {"levels": ["B2"], key: value}))
    before = listing(tmp_path)
    with pytest.raises(InputError) as error:
        configuration.read(path=path)
    assert key in str(error.value) or str(value)[:40] in str(error.value)
    assert len(str(error.value)) < 500 and listing(tmp_path) == before


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "found nothing"), (b"\xff\xfe", "not UTF-8"), (b"levels: [B2]\n", "seed: missing"), (b"[]", "found list"),
        (b"levles: [B2]\n", "levles: unknown key; did you mean levels?"),
        (b"seed: {a: 1}\n", "line 1: 'seed' is nested"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_configuration_is_refused(tmp_path, content, expected):
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        configuration.read(path=path)
    assert str(path) in str(error.value) and expected in str(error.value)


def test_a_configuration_that_is_gone_or_a_folder_is_named(tmp_path):
    for path in (tmp_path / "config.yaml", tmp_path):
        with pytest.raises(InputError) as error:
            configuration.read(path=path)
        assert f"{path}: cannot be read" in str(error.value)


OPTIONS = [
    (["run", "--levels", level], "levels")
    for level in [*LEVELS_THAT_ARE_NONE, "B2,B2", "B2 ../A1", ","]
    if level.strip().upper() != "B2"  # which is taken: spaces only part levels, and any case will do
] + [
    (["run", "--seed", "-1"], "seed"),
    (["run", "--seed", "x"], "--seed"),
    (["run", "--seed", "1.5"], "--seed"),
    (["run", "--seed", "nan"], "--seed"),
    (["run", "--seed", "99999999999"], "seed"),
    (["run", "--seed", "9" * 5000], "--seed"),
    (["run", "--language", "TR"], "language"),
    (["run", "--language", "../en"], "language"),
    (["run", "--output-root", "README.md"], "is a file; expected a folder"),
    (["run", "--output-root", "README.md/out"], "is a file; expected a folder"),
    (["run", "--output-root", "a\x01b"], "control characters"),
    (["run", "--output-root", ""], "output_root"),
    (["run", "--output-root", "{level}"], "contains braces"),
    (["run", "--output-root", "/proc/nowhere"], "expected a folder that can be written to"),
    (["run", "--user-data", "README.md"], "is a file; expected a folder"),
    (["run", "--user-data", "b" * 300], "too long"),
    (["run", "--profile", "slurmm"], "profile: 'slurmm'"),
    (["run", "--profile", ".."], "profile: '..'"),
    (["run", "--profile", "../local"], "profile"),
    (["run", "--profile", "CON"], "profile: 'CON'"),
    (["run", "--profile", ""], "expected a path"),
    (["run", "--nonsense", "1"], "No such option"),
    (["rnu"], "No such command"),
    (["status", "--levels", "b7"], "levels"),
    (["status", "--output-root", "README.md"], "is a file; expected a folder"),
    (["adopt", "nowhere", "B2"], "no such folder"),
    (["adopt", ".", "../B2"], "'../B2' is not a CEFR level"),
    (["adopt", ".", "CON"], "'CON' is not a CEFR level"),
    (["adopt", ".", "B2"], "contains neither trainer_state.json"),
    (["adopt", "a\x01b", "B2"], "control characters"),
    (["adopt", "."], "Missing argument"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "expected"), OPTIONS, ids=range(len(OPTIONS)))
def test_a_wrong_option_is_refused(refused, tmp_path, arguments, expected):
    (tmp_path / "README.md").write_text("a file")
    given = [] if "--output-root" in arguments else ["--output-root", tmp_path / "out"]
    assert expected in refused(*arguments, *given)


STATES = [
    ("{", "not valid JSON"), ("[]", "has no list log_history"), ("[" * 100_000, "nested too deep"),
    ("NaN", "log_history"),
    ('{"log_history": [1]}', "log_history"), ('{"log_history": []}', "contains no loss"), ("", "not valid JSON"),
    ('{"log_history": [{"step": 1, "loss": NaN}]}', "contains no loss"), ("\x00", "not valid JSON"),
    ('{"log_history": [{"step": "1", "loss": 2.0}]}', "contains no loss"),
    ('{"log_history": [{"step": 1, "loss": ' + "9" * 1000 + "}]}", "contains no loss"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "expected"), STATES, ids=range(len(STATES)))
def test_a_bad_run_is_not_adopted(refused, tmp_path, content, expected):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "trainer_state.json").write_text(content)
    message = refused("adopt", "elsewhere", "B2", "--output-root", tmp_path / "out")
    assert "trainer_state.json" in message and expected in message


# Levels and the notebooks' parameters


@pytest.mark.parametrize("level", [*LEVELS_THAT_ARE_NONE, None, 2, [], ["B2"]], ids=repr)
def test_no_stage_makes_a_folder_of_a_level_that_is_none(tmp_path, level):
    workspace = Workspace(tmp_path / "out", tmp_path / "user_data")
    for stage in STAGES:
        with pytest.raises(InputError, match="is not a CEFR level; expected one of A1, A2, B1, B2, C1"):
            stages.run_stage(stage, {"level": level}, workspace)
    with pytest.raises(InputError):
        levels.check_level(level)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("stage", ["../config", "01", "", "playground", "CON", "06_x"])
def test_no_other_stage_is_run(tmp_path, stage):
    with pytest.raises(InputError, match="stage: .*expected one of 01_data_formatting"):
        stages.run_stage(stage, {"level": "B2"}, Workspace(tmp_path / "out", tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("stage", [*STAGES, Stage.REPORT])
@pytest.mark.parametrize("name", ["levle", "hf_token", "API_KEY", "__class__", "../level", "lèvel", "level "])
def test_a_parameter_that_a_notebook_does_not_declare_is_refused(tmp_path, stage, name):
    with pytest.raises(InputError, match="parameter"):
        stages.run_stage(stage, {"level": "B2", name: "x"}, Workspace(tmp_path / "out", tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("values", ["{}", "[]", "null", "{", '{"levels": ["B2"]}', '{"seed": NaN}'])
def test_a_stage_called_with_a_broken_configuration_ends_with_exit_code_2(capsys, values):
    assert stages.main(["01_data_formatting", "B2", values]) == 2
    assert "the stage's configuration" in capsys.readouterr().err


@pytest.mark.parametrize(
    "path", [None, 1, "", " ", "a\x00b", "\x1b", "x" * 5000, "~nobody-here", "\ud800", ["a"], b"a"]
)
def test_what_is_no_path_is_refused_wherever_it_is_given(path):
    for use in (paths.resolve, lambda one: Workspace.at(one, "user_data"), recipes.recipe_path):
        with pytest.raises(InputError, match="expected a path"):
            use(path)


@pytest.mark.parametrize("seed", ["1", 1.0, -1, 2**32, None, True, float("nan")])
def test_a_seed_that_is_none_is_refused_in_the_notebook_too(seed):
    with pytest.raises(InputError, match="seed: .*expected a whole number"):
        splitting.split_groups({}, "words", 0.2, 0.1, seed)


@pytest.mark.parametrize("content", ["[" * 100_000, "", "NaN", '"text"', '{"schema": 1}', "\x00", "[1e999]"])
def test_a_record_that_is_none_is_refused(tmp_path, content):
    workspace = Workspace(tmp_path, tmp_path)
    files.write_atomically(workspace.record("B2", "dataset"), content)
    with pytest.raises(InputError, match=r"dataset\.json: .*run 01_data_formatting for level B2 again"):
        records.read(workspace, "B2", "dataset")


# Made by Hypothesis

MADE = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@MADE
@given(key=st.sampled_from(sorted(SMOKE)) | st.text(), value=VALUES)
def test_a_recipe_is_read_or_refused_and_never_breaks(tmp_path, key, value):
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps(SMOKE | {key: value}), encoding="utf-8")  # JSON is YAML, but for a few characters
    try:
        recipes.load_recipe(str(path))
    except InputError as error:
        assert str(error).startswith(str(path))


@MADE
@given(content=st.binary(max_size=120) | st.text(max_size=120).map(lambda text: text.encode("utf-8", "replace")))
def test_rubbish_is_no_recipe(tmp_path, content):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        recipes.load_recipe(str(path))
    assert str(error.value).startswith(str(path))


@MADE
@given(key=st.sampled_from(sorted(RunConfig.model_fields)), value=VALUES)
def test_a_configuration_is_checked_or_refused_and_never_breaks(key, value):
    before = listing(project_root() / "runs")
    try:
        configuration.check(CONFIG | {key: value}, "config.yaml")
    except InputError as error:
        assert "config.yaml" in str(error) or "expected" in str(error)
    assert listing(project_root() / "runs") == before


@MADE
@given(level=VALUES)
def test_only_the_five_levels_are_levels(level):
    if level in levels.LEVELS:
        return
    with pytest.raises(InputError, match="is not a CEFR level"):
        levels.check_level(level)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--levels", "../B2"], "../B2"),
        (["--seed", "-1"], "seed"),
        (["--recipe", "../config"], "recipe"),
        (["--language", "fr"], "fr"),
    ],
)
def test_the_real_command_refuses_too(tmp_path, arguments, expected):
    command = [sys.executable, "-m", "cefr_helpers.cli", "run", *arguments, "--output-root", str(tmp_path / "out")]
    environment = os.environ | {"PYTHONPATH": str(project_root())}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 2 and expected in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
