"""Saved adapters: the configuration is the same file whichever process wrote it; merged ones differ from their base."""

import json

import pytest

from cefr_helpers.models import base_model, saving

MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@pytest.fixture(scope="module")
def base(byte_folder):
    return base_model.resolve(str(byte_folder))


def saved(base, folder, target_modules) -> str:
    """The text of adapter_config.json, where PEFT has its target modules in this order, or as this expression."""
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(base_model.load_model(base, "fp32"), LoraConfig(r=2, target_modules=target_modules))
    model.peft_config["default"].target_modules = target_modules  # a set of PEFT's, in the order that its hashes give
    return (saving.save_adapter(model, folder, base) / "adapter_config.json").read_text()


def test_the_order_in_which_peft_keeps_its_modules_is_not_in_the_file(base, tmp_path):
    one, other = (saved(base, tmp_path / str(len(order)) / order[0], order) for order in (MODULES, MODULES[::-1]))
    assert one == other and json.loads(one)["target_modules"] == sorted(MODULES)


def test_modules_given_as_an_expression_stay_so(base, tmp_path):
    expression = r".*\.(q|v)_proj"
    assert json.loads(saved(base, tmp_path / "adapter", expression))["target_modules"] == expression


def test_the_configuration_names_the_base_by_its_identifier_and_no_path(base, tmp_path):
    text = saved(base, tmp_path / "adapter", MODULES)
    assert json.loads(text)["base_model_name_or_path"] == base.identifier and str(base.folder) not in text
    assert sorted(path.name for path in (tmp_path / "adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]


def test_an_adapter_that_has_learnt_nothing_is_not_merged(base, tmp_path):
    saved(base, tmp_path / "adapter", MODULES)
    with pytest.raises(RuntimeError, match="the kept checkpoint changes its base by less .* raise learning_rate"):
        saving.merge(base, tmp_path / "adapter", tmp_path / "merged", [1, 2, 3])
    assert not (tmp_path / "merged").exists()
