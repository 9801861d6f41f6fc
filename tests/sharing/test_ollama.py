"""Chat formats from chat templates, and the Modelfile made from them, read as Ollama reads it (see ollama_rules)."""

import copy

import ollama_rules
import pytest

from cefr_helpers.models import base_model, chat_template
from cefr_helpers.sharing import ollama

SMOLLM2_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# the shape of Llama-3.2's: a start token, a dated system's part that is always there, trimmed contents
DATED = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{% set said = messages[0].content | trim %}"
    "{% set messages = messages[1:] %}{% else %}{% set said = '' %}{% endif %}"
    "<|start|>system<|end|>\n\nToday Date: {{ date_string }}\n\n{{ said }}<|eot|>"
    "{% for m in messages %}<|start|>{{ m.role }}<|end|>\n\n{{ m.content | trim }}<|eot|>{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant<|end|>\n\n{% endif %}"
)
NO_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}" + CHATML
SYSTEM_IN_QUESTION = (
    "{% if messages[0].role == 'system' %}{% set said = messages[0].content + '\n\n' %}"
    "{% set messages = messages[1:] %}{% else %}{% set said = '' %}{% endif %}"
    "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ said if loop.first }}{{ m.content }} [/INST]"
    "{% else %}{{ m.content }}</s>{% endif %}{% endfor %}"
)
CHATS = [
    [("user", "1. cat\n2. dog")],
    [("system", "Be short."), ("user", "Hi")],
    [("user", "Hi"), ("assistant", 'He said: "No {x}."'), ("user", "Why?")],
    [("system", "S"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"), ("user", "e")],
]


@pytest.fixture(scope="module")
def smollm2(bundled):
    return base_model.load_tokenizer(bundled)


def with_template(tokenizer, template: str):
    other = copy.copy(tokenizer)
    other.chat_template = chat_template.fixed(template)
    return other


def messages(chat: list[tuple]) -> list[dict]:
    return [{"role": role, "content": content} for role, content in chat]


def by_ollama(found: dict, chat: list[dict]) -> str:
    """Return what Ollama makes of a chat: the chat's system part, or else the Modelfile's, and the template."""
    said = [turn["content"] for turn in chat if turn["role"] == "system"] or [found.get("SYSTEM", "")]
    turns = [{"Role": turn["role"], "Content": turn["content"]} for turn in chat]
    return ollama_rules.render(found["TEMPLATE"], {"System": said[0], "Messages": turns})


def modelfile_of(tokenizer) -> dict:
    form = ollama.read(tokenizer)
    text = ollama.modelfile(
        "x-Q8_0.gguf",
        form,
        "<|im_end|>",
        320,
        "x: answers",
        'Generate # these:\n1. "a"\n\nNumbered.',
        "Apache-2.0\nCC0",
    )
    return ollama_rules.read_modelfile(text)


@pytest.mark.parametrize("template", [None, CHATML, DATED], ids=["smollm2", "chatml", "dated"])
@pytest.mark.parametrize("chat", CHATS, ids=len)
def test_ollamas_prompt_is_the_chat_templates(smollm2, template, chat):
    tokenizer = with_template(smollm2, template or smollm2.chat_template)
    expected = tokenizer.apply_chat_template(messages(chat), tokenize=False, add_generation_prompt=True)
    assert by_ollama(modelfile_of(tokenizer), messages(chat)) == expected


def test_the_modelfile_says_what_ollama_asks(smollm2):
    found = modelfile_of(smollm2)
    assert found["FROM"] == "./x-Q8_0.gguf" and found["LICENSE"] == "Apache-2.0\nCC0"
    assert found["SYSTEM"] == SMOLLM2_SYSTEM
    assert found["PARAMETER"] == {"temperature": 0, "repeat_penalty": 1, "num_predict": 320, "stop": ["<|im_end|>"]}


def test_a_system_that_says_nothing_by_default_is_left_out(smollm2):
    assert ollama.read(with_template(smollm2, CHATML)).default_system is None
    assert "SYSTEM" not in modelfile_of(with_template(smollm2, CHATML))
    dated = ollama.read(with_template(smollm2, DATED))
    assert dated.default_system == "" and "Today Date: 26 Jul 2024" in dated.before_system


def test_a_start_token_that_every_program_adds_is_left_to_it(smollm2):
    from tokenizers.processors import TemplateProcessing

    adding = with_template(smollm2, "<|endoftext|>" + CHATML)
    adding._tokenizer = copy.deepcopy(smollm2._tokenizer)
    adding.bos_token = "<|endoftext|>"
    adding._tokenizer.post_processor = TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)]
    )
    assert ollama.read(adding).before_user == "<|im_start|>user\n"
    assert ollama.read(adding) == ollama.read(with_template(smollm2, CHATML))


@pytest.mark.parametrize(
    "template",
    [NO_SYSTEM, SYSTEM_IN_QUESTION, CHATML.replace("m.content", "m.content | upper"), "{{ messages[0].content }}"],
    ids=["no system", "system in the question", "changed content", "no roles"],
)
def test_a_template_that_is_more_than_texts_around_is_refused(smollm2, template):
    with pytest.raises(ValueError, match="more than put texts around"):
        ollama.read(with_template(smollm2, template))


@pytest.mark.parametrize("sign", ["{{ '{{' }}", '"""'])
def test_signs_that_ollama_reads_as_its_own_are_refused(smollm2, sign):
    with pytest.raises(ValueError, match="braces|would end it"):
        modelfile_of(with_template(smollm2, CHATML.replace("<|im_end|>", sign)))


@pytest.mark.parametrize(
    "wrong",
    [
        "PARAMETER temperature 0\n",
        'FROM ./x\nTEMPLATE """never ends\n',
        "FROM ./x\nFORM ./y\n",
        "FROM ./x\nPARAMETER stop\n",
        "FROM ./x\nPARAMETER temperature hot\n",
        'FROM ./x\nSYSTEM """a""" b\n',
        "FROM ./x\nSYSTEM a\nSYSTEM b\n",
    ],
)
def test_the_reader_is_strict(wrong):
    with pytest.raises(ValueError):
        ollama_rules.read_modelfile(wrong)


def test_the_template_runner_is_gos():
    template = '{{ if .System }}<{{ .System }}>{{ end }}{{ range .Messages }}{{ if eq .Role "user" }}U{{ .Content }}'
    template += '{{ else if eq .Role "assistant" }}A{{ .Content }}{{ end }};{{ end }}!'
    turns = [{"Role": role, "Content": text} for role, text in (("system", "s"), ("user", "q"), ("assistant", "a"))]
    assert ollama_rules.render(template, {"System": "", "Messages": turns}) == ";Uq;Aa;!"
    assert ollama_rules.render(template, {"System": "s", "Messages": turns[:2]}) == "<s>;Uq;!"
    for wrong in ("{{ range .Messages }}", "{{ .system }}", "{{ len .Messages }}", "{{ end }}"):
        with pytest.raises(ValueError):
            ollama_rules.render(wrong, {"System": "", "Messages": turns})
