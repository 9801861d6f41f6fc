import subprocess

import pytest

from cefr_helpers.commands.options import overrides
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import project_root
from cefr_helpers.pipeline import configuration


def test_the_shipped_configuration_is_valid():
    settings = configuration.read()
    assert settings.levels == ("A2", "B1", "B2") and settings.recipe == "cpu"
    assert settings.workspace.output_root == project_root()


def test_overrides_take_the_place_of_values():
    settings = configuration.read({"levels": ["C1", "A1"], "language": "tr"})
    assert settings.levels == ("A1", "C1")
    assert settings.parameters("A1") == {
        "level": "A1",
        "recipe": "cpu",
        "sentence_bank": "bundled",
        "output_root": ".",
        "user_data": "user_data",
        "language": "tr",
        "seed": 3407,
    }


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"levels": ["b2"]}, "levels: ['b2']: names ['b2']; choose among A1, A2, B1, B2, C1"),
        ({"levels": ["B2", "B2"]}, "a level twice"),
        ({"levels": []}, "levels: "),
        ({"levels": "B2"}, "must be a list"),
        ({"seed": -1}, "seed: -1"),
        ({"seed": "1"}, "seed: '1'"),
        ({"language": "fr"}, "language: 'fr'"),
        ({"languag": "tr"}, "languag: unknown key; did you mean language?"),
        ({"recipe": "nope"}, "recipe: 'nope' not found"),
        ({"sentence_bank": "/no/such/bank"}, "/no/such/bank"),
        ({"output_root": str(project_root() / "README.md")}, "is a file; expected a folder"),
    ],
)
def test_wrong_values_are_named_with_their_place(overrides, expected):
    with pytest.raises(InputError) as error:
        configuration.read(overrides)
    assert expected in str(error.value)
    assert "config.yaml" not in str(error.value)  # which is not at fault


def test_a_missing_key_is_named(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("levels: [B2]\n")
    with pytest.raises(InputError) as error:
        configuration.read(path=path)
    assert f"{path}: recipe: missing" in str(error.value)


def test_levels_are_taken_as_people_type_them():
    assert configuration.read(overrides("c1, a1,b1")).levels == ("A1", "B1", "C1")


def test_a_setting_that_a_command_does_not_take_is_refused_through_make():
    for arguments in (["run", "LEVEL=B2"], ["status", "CHECKS=no"]):
        done = subprocess.run(["make", *arguments], cwd=project_root(), capture_output=True, text=True)
        option = "--no-checks" if "CHECKS=no" in arguments else f"--{arguments[1].partition('=')[0].lower()}"
        assert done.returncode != 0 and f"No such option: {option}" in done.stderr, arguments
