"""Each family of base models: its prompts, where answers end, and that answers are the same alone and in a batch.

Of each a random model of two layers, with a chat template that behaves as the family's does (see tiny_families).
"""

import json
import shutil
from contextlib import suppress
from pathlib import Path

import pieces
import pytest
from tiny_families import FAMILIES, REFUSED, make_model, make_tokenizer, markdown_row
from tiny_models import make_example, write_adapter_of

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import project_root
from cefr_helpers.models import (
    base_model,
    chat_template,
    generation,
    likelihood,
    lora_targets,
    merging,
    prompts,
    saving,
)
from cefr_helpers.sharing import ollama

each_family = pytest.mark.parametrize("name", FAMILIES)


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """Name -> base model, made when it is requested; text parts go into a cache of the tests' own."""
    folder, made = tmp_path_factory.mktemp("families"), {}

    def base(name: str) -> base_model.BaseModel:
        if name not in made:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
                made[name] = base_model.resolve(str(make_model(folder / name, FAMILIES[name])))
        return made[name]

    return base


def settled(family):
    tokenizer = make_tokenizer(family)
    chat_template.settle(tokenizer, "x")
    return tokenizer


@each_family
def test_a_turn_ends_where_its_template_ends_it(name):
    family, example = FAMILIES[name], make_example(0)
    tokenizer = settled(family)
    assert tokenizer.eos_token == family.end
    ids = prompts.tokenise(tokenizer, example)
    assert tokenizer.decode(ids["prompt_ids"]).endswith(family.prompt_ends)
    assert tokenizer.decode(ids["completion_ids"]).strip() == example["output"] + family.end
    counts = [(len(ids["prompt_ids"]), len(ids["completion_ids"]))]
    assert prompts.token_counts(tokenizer, [example]) == counts


@each_family
def test_dates_are_fixed_and_thoughts_are_off(name):
    family = FAMILIES[name]
    tokenizer = settled(family)
    found = chat_template.describe(tokenizer)
    assert found["end_of_turn"] == family.end and found["thinking"] == family.thinking
    assert found["date"] == ("26 Jul 2024" if family.date else None)
    prompt = tokenizer.decode(prompts.prompt_ids(tokenizer, make_example(0)))
    assert ("2024" in prompt) == family.date and ("26" in prompt) == family.date
    assert "medium" not in prompt and " /think" not in prompt


@each_family
def test_what_was_settled_once_stays_so(name):
    tokenizer = settled(FAMILIES[name])
    before = tokenizer.chat_template, tokenizer.eos_token, chat_template.describe(tokenizer)
    chat_template.settle(tokenizer, "x")
    assert (tokenizer.chat_template, tokenizer.eos_token, chat_template.describe(tokenizer)) == before


def test_a_template_without_dates_and_thoughts_stays_as_it_is():
    assert settled(FAMILIES["qwen2.5"]).chat_template == FAMILIES["qwen2.5"].template


def test_the_date_takes_each_form_that_is_asked_for():
    assert chat_template.fixed("{{ now }}") == "{{ now }}"
    tokenizer = make_tokenizer(FAMILIES["qwen2.5"])
    forms = "{{ strftime_now('%d %B %Y') }}|{{ strftime_now(\"%Y-%m-%d\") }}|{{ strftime_now(x) }}|"
    tokenizer.chat_template = chat_template.fixed(f"{forms}\n{FAMILIES['qwen2.5'].template}")
    text = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False)
    assert text.startswith("26 July 2024|2024-07-26|26 Jul 2024|\n<|im_start|>")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (REFUSED.template, "it opens thoughts that its answers leave out, so they can't be switched off"),
        (None, "its tokenizer has no chat template"),
        ("{% for m in messages %}{{ m.content }}\n{% endfor %}", "does not end answers with a special token"),
        ("{% for m in messages %}{{ m.role }}{% endfor %}", "it leaves out the assistant's messages"),
        ("{% for m in", "its chat template can't be used"),
        ("{{ raise_exception('only with tools') }}", r"its chat template can't be used \(only with tools\)"),
    ],
    ids=range(6),
)
def test_a_template_that_nothing_can_be_taught_by_is_refused(template, said):
    tokenizer = make_tokenizer(REFUSED)
    tokenizer.chat_template = template
    with pytest.raises(InputError, match=said):
        chat_template.settle(tokenizer, "folder")


@each_family
def test_answers_are_the_same_alone_and_in_a_batch(bases, name):
    base = bases(name)
    tokenizer, model = base_model.load_tokenizer(base), base_model.load_model(base, "fp32")
    assert generation._kinds_of_layers(model) == set(FAMILIES[name].remembers)
    examples = of_several_lengths()
    together = generation.answer(model, tokenizer, examples, 24)
    assert together == [generation.answer(model, tokenizer, [one], 24)[0] for one in examples]
    assert len(set(together)) > 1


@pytest.mark.parametrize(("name", "shrinks"), [("llama-3.2", True), ("qwen3", True), ("mistral", False)])
def test_what_has_ended_leaves_the_batch_and_changes_no_other_answer(bases, name, shrinks, monkeypatch):
    base = bases(name)
    tokenizer, model = base_model.load_tokenizer(base), base_model.load_model(base, "fp32")
    ends = list(range(5, model.config.vocab_size, 11))  # a random model ends at random
    monkeypatch.setattr(generation, "end_tokens", lambda model, tokenizer: ends)
    rows = []
    model.register_forward_pre_hook(lambda module, args, given: rows.append(len(given["input_ids"])), with_kwargs=True)
    examples = [make_example(shift) for shift in range(10)]
    together = generation.answer(model, tokenizer, examples, 40)
    shared, *sizes = rows if shrinks else [1, *rows]
    assert shared == 1 and sizes[0] == 10 and sizes == sorted(sizes, reverse=True)
    assert sizes[-1] <= 5 if shrinks else sizes[-1] == 10
    assert together == [generation.answer(model, tokenizer, [one], 40)[0] for one in examples]
    assert len(set(map(len, together))) > 3
    rows.clear()
    generation.answer(model, tokenizer, examples, 40, sample_seed=1)
    assert rows[-1] == 10  # a smaller batch would draw other samples


@pytest.mark.parametrize("name", ["mistral", "gemma-3", "lfm2", "granite-hybrid"])
def test_pads_in_the_middle_would_change_the_answers(bases, name, monkeypatch):
    """The way that suits other families, tried on those with a sliding window or a state."""
    base = bases(name)
    tokenizer, model = base_model.load_tokenizer(base), base_model.load_model(base, "fp32")
    examples = of_several_lengths()
    right = generation.answer(model, tokenizer, examples, 12)
    monkeypatch.setattr(generation, "_kinds_of_layers", lambda model: {"all tokens"})
    with suppress(AttributeError):  # of a state, which can't even be repeated
        assert generation.answer(model, tokenizer, examples, 12) != right


@pytest.mark.parametrize("name", ["llama-3.2", "mistral", "gemma-3", "lfm2", "granite-hybrid", "qwen3.5"])
def test_texts_that_begin_alike_score_as_each_does_alone(bases, name):
    base = bases(name)
    tokenizer, model = base_model.load_tokenizer(base), base_model.load_model(base, "fp32")
    begin = "She left her apple and her jacket on the bridge in the forest, and then she walked to the"
    texts = [f"{begin} {end}" for end in ("island.", "very loud engine.", "garden, please.")]
    [together] = likelihood.score_choices(model, tokenizer, [texts])
    alone = [whole(model, likelihood._plain_ids(tokenizer, text)) for text in texts]
    assert [one - together[0] for one in together] == pytest.approx([one - alone[0] for one in alone], abs=1e-2)
    assert max(together) - min(together) > 1


def whole(model, ids: list[int]) -> float:
    """The log-probability of a text behind its first token, in one pass and without a cache."""
    import torch

    with torch.no_grad():
        logs = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, :-1].double().log_softmax(-1)
    return logs.gather(1, torch.tensor(ids[1:])[:, None]).sum().item()


def of_several_lengths() -> list[dict]:
    examples = [make_example(shift) for shift in range(4)]
    for lines, example in enumerate(examples, 4):
        example["input"] = "\n".join(example["input"].split("\n")[: 3 * lines % 10 + 1])
    return examples


def test_what_a_folder_recommends_for_decoding_is_not_taken(bases, tmp_path):
    base, example = bases("qwen2.5"), make_example(0)
    assert "repetition_penalty" in (base.folder / "generation_config.json").read_text()
    plain = Path(shutil.copytree(base.folder, tmp_path / "plain"))
    (plain / "generation_config.json").unlink()
    answers = []
    for one in (base, base_model.resolve(str(plain))):
        model, tokenizer = base_model.load_model(one, "fp32"), base_model.load_tokenizer(one)
        answers.append(generation.answer(model, tokenizer, [example], 30))
    assert answers[0] == answers[1]


def test_an_answer_ends_at_the_first_end_and_is_told_without_it(bases):
    base = bases("phi-3")
    model, tokenizer = base_model.load_model(base, "fp32"), base_model.load_tokenizer(base)
    end, other = tokenizer.convert_tokens_to_ids(["<|end|>", "<|endoftext|>"])
    assert generation.end_tokens(model, tokenizer) == [end, other]
    import torch

    with torch.no_grad():  # a model that says one thing alone
        model.lm_head.weight[:] = 0
        model.lm_head.weight[end] = 1
        model.model.norm.weight[:] = 1
    assert generation.answer(model, tokenizer, [make_example(0)], 5) in ([""], ["!" * 5])


@each_family
def test_a_merged_model_is_asked_and_ends_as_it_was_taught(bases, name, tmp_path):
    base, family = bases(name), FAMILIES[name]
    saving.check_portable(base)
    tokenizer, example = base_model.load_tokenizer(base), make_example(0)
    adapter = write_adapter_of(base, tmp_path / "adapter")
    check = merging.merge(base.folder, adapter, tmp_path / "merged", prompts.prompt_ids(tokenizer, example))
    assert check["difference_from_base"] > 3 * check["rounding_difference"]
    merged = base_model.resolve(str(tmp_path / "merged"))
    again = base_model.load_tokenizer(merged)
    assert prompts.tokenise(again, example) == prompts.tokenise(tokenizer, example)
    assert chat_template.describe(again) == chat_template.describe(tokenizer)
    model = base_model.load_model(merged, "fp32")
    assert generation.end_tokens(model, again)[0] == again.convert_tokens_to_ids(family.end)
    settings = json.loads((merged.folder / "tokenizer_config.json").read_text())
    assert settings["add_bos_token"] == (family.bos is not None)  # which each of these templates writes
    assert "extra_special_tokens" not in settings and settings["eos_token"] == family.end
    signs = {one["content"] for one in settings["added_tokens_decoder"].values() if one["special"]}
    assert signs >= {*family.special, family.end}
    config = json.loads((merged.folder / "config.json").read_text())
    assert config["eos_token_id"] == again.eos_token_id and "vision_config" not in config
    assert not any("vision" in name or "multi_modal" in name for name, _ in model.named_modules())


def test_layers_are_called_as_others_call_them(bases, tmp_path):
    folder = Path(shutil.copytree(bases("granite-hybrid").folder, tmp_path / "granite"))
    merging.make_portable(folder)
    assert json.loads((folder / "config.json").read_text())["layer_types"] == ["mamba", "attention"]
    merging.make_portable(folder)
    assert json.loads((folder / "config.json").read_text())["layer_types"] == ["mamba", "attention"]


def test_the_file_of_sentencepiece_is_kept(tmp_path):
    family, folder = FAMILIES["gemma-3-vision"], tmp_path / "gemma-3-vision"
    folder.mkdir()
    file = folder / "tokenizer.model"
    make_model(folder, family, pieces.make(file, family))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        base = base_model.resolve(str(folder))
    tokenizer = base_model.load_tokenizer(base)
    adapter = write_adapter_of(base, tmp_path / "adapter")
    merging.merge(base.folder, adapter, tmp_path / "merged", prompts.prompt_ids(tokenizer, make_example(0)))
    for kept in (base.folder, tmp_path / "merged"):
        assert (kept / file.name).read_bytes() == file.read_bytes()


def test_rope_settings_of_both_kinds_of_layers_are_written_for_older_readers():
    both = {
        "full_attention": {"rope_theta": 1e6, "rope_type": "linear", "factor": 8.0},
        "sliding_attention": {"rope_theta": 1e4, "rope_type": "default"},
    }
    scaling = {"rope_type": "linear", "factor": 8.0}
    assert merging._rope(both) == {"rope_theta": 1e6, "rope_local_base_freq": 1e4, "rope_scaling": scaling}
    assert merging._rope({"rope_theta": 5.0, "rope_type": "default"}) == {"rope_theta": 5.0, "rope_scaling": None}
    assert merging._rope({}) == {"rope_scaling": None}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("llama-3.2", ["q_proj", "o_proj", "up_proj"]),
        ("phi-3", ["qkv_proj", "o_proj", "gate_up_proj"]),
        ("lfm2", ["q_proj", "out_proj", "w3"]),
        ("gpt-oss", ["q_proj", "o_proj"]),
        ("granite-hybrid", ["q_proj", "o_proj", "input_linear"]),
    ],
)
def test_a_recipes_modules_are_found_under_the_models_names(bases, name, found):
    model = base_model.load_model(bases(name), "fp32")
    assert lora_targets.find(model, ["q_proj", "o_proj", "up_proj"]) == found
    if name == "gpt-oss":
        with pytest.raises(InputError, match="lora_target_modules: up_proj: the base model, a gpt_oss, has none"):
            lora_targets.find(model, ["up_proj"])


def test_a_form_that_does_not_read_back_is_refused_before_training(bases, monkeypatch):
    portable = merging.make_portable

    def spoiling(folder):
        portable(folder)
        path = folder / "tokenizer.json"
        path.write_text(path.read_text().replace('"pre_tokenizer":', '"pre_tokenizer": null, "unused":'))

    monkeypatch.setattr(merging, "make_portable", spoiling)
    with pytest.raises(InputError, match="could not be written in a form that other programs read"):
        saving.check_portable(bases("qwen3"))


def test_a_text_part_is_extracted_once_and_is_the_models_own(bases, tmp_path):
    import torch
    from transformers import AutoModelForImageTextToText

    base = bases("gemma-3-vision")
    made = (base.folder / "model.safetensors").stat().st_mtime_ns
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(base.folder.parents[2]))
        again = base_model.resolve(base.source)
    assert again == base and (base.folder / "model.safetensors").stat().st_mtime_ns == made
    assert base.identifier == "gemma-3-vision" and base.folder.name.startswith("gemma-3-vision-text-")
    whole = AutoModelForImageTextToText.from_pretrained(base.source, dtype=torch.float32).eval()
    ids = torch.tensor([[1, 5, 6, 7]])
    with torch.inference_mode():
        assert torch.equal(whole(ids).logits, base_model.load_model(base, "fp32")(ids).logits)


@pytest.mark.parametrize("name", ["qwen2.5", "smollm3", "gemma-3", "phi-3", "lfm2", "qwen3"])
def test_ollama_asks_in_the_same_words(name):
    tokenizer = settled(FAMILIES[name])
    chat = [{"role": "user", "content": "1. cat"}]
    expected = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    try:
        form = ollama.read(tokenizer)
    except ValueError:
        assert name in ("qwen3", "smollm3")  # an earlier answer is there without the end of its thought
        return
    assert form.text(chat) == expected.removeprefix(tokenizer.bos_token or "")


def test_the_page_on_models_has_a_row_for_each_family():
    page = (project_root() / "docs" / "models.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ") and line.split(" | ")[0][2:] in FAMILIES]
    assert rows == [markdown_row(name) for name in FAMILIES]
