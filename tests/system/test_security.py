"""No pickle, no code from a model, no secret in what is written, no network on the bundled path."""

import ast
import json
import os
import pickle
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_models import tiny_recipe

from cefr_helpers.core import secret_scan
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import STAGES, Workspace, project_root
from cefr_helpers.models import base_model, model_files, saving
from cefr_helpers.pipeline import configuration, stages

PLANTED = "hf_PlantedForThisTestAndFoundNowhere42"
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "joblib", "cloudpickle", "marshal", "shelve", "runpy"}
SAFE_YAML = {"safe_load", "safe_dump", "compose", "SafeLoader"}


# The code itself


def unsafe(source: str) -> list[str]:
    """Return the places in a source that may run code from a file or string, as `line: what`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found += [(node, name) for name in names if name.split(".")[0] in UNSAFE_MODULES]
        if not isinstance(node, ast.Call):
            continue
        called, given = ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}
        owner, _, name = called.rpartition(".")
        if called in ("eval", "exec", "__import__", "os.system", "torch.load", "numpy.load", "np.load"):
            found.append((node, called))
        if owner == "yaml" and (name not in SAFE_YAML or given.get("Loader", "yaml.SafeLoader") != "yaml.SafeLoader"):
            found.append((node, called))
        if given.get("shell") == "True" or given.get("trust_remote_code", "False") != "False":
            found.append((node, ast.unparse(node)))
        loads = name == "from_pretrained" and "gguf_file" not in given and "PeftModel" not in owner
        if loads and given.get("trust_remote_code") != "False":
            found.append((node, f"{called} without trust_remote_code=False"))
        if loads and "ForCausalLM" in owner and given.get("use_safetensors") != "True":
            found.append((node, f"{called} without use_safetensors=True"))
    return [f"{node.lineno}: {what}" for node, what in found]


def sources() -> dict[str, str]:
    found = {path.name: path.read_text() for path in (project_root() / "cefr_helpers").rglob("*.py")}
    for path in (project_root() / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text())["cells"]
        found[path.name] = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return found


def test_neither_package_nor_notebooks_can_run_code_out_of_a_file():
    found = {name: unsafe(source) for name, source in sources().items()}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "import os\nos.system('x')",
        "torch.load('x.pt')",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.unsafe_load(text)",
        "yaml.compose(text, Loader=yaml.FullLoader)",
        "eval('1')",
        "subprocess.run('x', shell=True)",
        "AutoTokenizer.from_pretrained(folder)",
        "AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, trust_remote_code=True)",
        "AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=False)",
    ],
)
def test_the_search_for_unsafe_calls_finds_them(source):
    assert unsafe(source)


def test_the_trainer_reads_its_checkpoints_without_running_code_in_them():
    """Optimizer, scheduler and random state of a checkpoint are .pt files: the trainer loads only weights."""
    import transformers

    tree = ast.parse((Path(transformers.__file__).parent / "trainer.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load"]
    assert len(calls) > 5
    for call in calls:
        assert {word.arg: ast.unparse(word.value) for word in call.keywords}.get("weights_only") == "True", call.lineno


# Weights: safetensors, or the one GGUF file whose digest is known


class Trap:
    """A pickle that makes a file when it is read."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.fixture
def model(tiny_folder, tmp_path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


def spoil_with_pickle(folder: Path, mark: Path) -> None:
    (folder / "model.safetensors").write_bytes(pickle.dumps(Trap(mark)))


def spoil_with_bin(folder: Path, mark: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(mark)))


def spoil_index(folder: Path, mark: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(mark)))
    index = {"metadata": {}, "weight_map": {"model.embed_tokens.weight": "pytorch_model.bin"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def spoil_index_upwards(folder: Path, mark: Path) -> None:
    index = {"metadata": {}, "weight_map": {"model.embed_tokens.weight": "../other.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def spoil_by_cutting(folder: Path, mark: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])


def name_code(folder: Path, mark: Path, file: str = "config.json") -> None:
    (folder / "own.py").write_text(f"from pathlib import Path\nPath({str(mark)!r}).touch()\nclass Own: ...\n")
    config = json.loads((folder / file).read_text())
    config["auto_map"] = {
        "AutoConfig": "own.Own",
        "AutoModelForCausalLM": "own.Own",
        "AutoTokenizer": ["own.Own", None],
    }
    (folder / file).write_text(json.dumps(config))


def name_code_in_tokenizer(folder: Path, mark: Path) -> None:
    name_code(folder, mark, "tokenizer_config.json")


def quantise(folder: Path, mark: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"load_in_4bit": True, "quant_method": "bitsandbytes"}
    (folder / "config.json").write_text(json.dumps(config))


def spoil_config(folder: Path, mark: Path) -> None:
    (folder / "config.json").write_text("[" * 100_000)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (spoil_with_pickle, "model.safetensors: not complete safetensors weights"),
        (spoil_with_bin, r"missing weights, \*\.safetensors"),
        (spoil_index, "weight_map names 'pytorch_model.bin'"),
        (spoil_index_upwards, "weight_map names '../other.safetensors'"),
        (spoil_by_cutting, "not complete safetensors weights"),
        (name_code, "config.json: auto_map .* is code to be run"),
        (name_code_in_tokenizer, "tokenizer_config.json: auto_map"),
        (quantise, r"config.json: quantization_config \{'load_in_4bit': True.* expected the model in 16 bits"),
        (spoil_config, "config.json: nested too deep"),
    ],
)
def test_a_model_of_another_kind_is_refused_and_nothing_in_it_runs(model, tmp_path, spoil, expected):
    spoil(model, tmp_path / "ran")
    with pytest.raises(InputError, match=expected):
        base_model.resolve(str(model))
    assert not (tmp_path / "ran").exists()


def test_the_trap_would_go_off(tmp_path):
    pickle.loads(pickle.dumps(Trap(tmp_path / "ran")))
    assert (tmp_path / "ran").exists()


def test_a_pickle_beside_the_weights_is_left_alone(model, tmp_path):
    (model / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(tmp_path / "ran")))
    (model / "training_args.bin").write_bytes(pickle.dumps(Trap(tmp_path / "ran")))
    base = base_model.resolve(str(model))
    base_model.load_tokenizer(base)
    assert base_model.load_model(base, "fp32").num_parameters() > 0
    assert not (tmp_path / "ran").exists()


def test_from_the_hub_come_weights_and_texts_alone():
    assert set(base_model._HUB_FILES) == {"*.json", "*.safetensors", "*.jinja", "tokenizer.model"}


def test_the_bundled_gguf_is_checked_by_its_digest(monkeypatch):
    monkeypatch.setattr(base_model, "BUNDLED_SHA256", "0" * 64)
    with pytest.raises(InputError, match="not the file this version expects"):
        base_model.resolve("bundled")


def test_an_adapter_is_published_as_safetensors_alone(model, tmp_path):
    from peft import LoraConfig, get_peft_model

    base = base_model.resolve(str(model))
    tuned = get_peft_model(base_model.load_model(base, "fp32"), LoraConfig(r=2, target_modules=["q_proj"]))
    adapter = saving.save_adapter(tuned, tmp_path / "loras" / "mine", base)
    assert {path.name for path in adapter.iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}
    model_files.check_weights(adapter / "adapter_model.safetensors")


# Secrets and network


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "hf_token",
        "HF_TOKEN",
        "api_key",
        "APIKEY",
        "secret",
        "client_Secret",
        "password",
        "PassWord",
        "credentials",
    ],
)
def test_a_parameter_named_like_a_secret_is_refused_without_showing_it(name):
    with pytest.raises(InputError, match=f"parameter {name} holds a secret") as error:
        stages.check_parameters(stages.notebook_path("01_data_formatting"), {"level": "B2", name: PLANTED})
    assert PLANTED not in str(error.value)


@pytest.mark.parametrize("name", ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "WANDB_API_KEY", "DB_PASSWORD"])
def test_a_secret_of_the_environment_is_refused_as_a_value(monkeypatch, name):
    monkeypatch.setenv(name, PLANTED)
    with pytest.raises(InputError, match="parameter sentence_bank holds a secret") as error:
        secret_scan.refuse_secrets("01", {"level": "B2", "sentence_bank": f"/banks/{PLANTED}/b2.csv"})
    assert PLANTED not in str(error.value)
    secret_scan.refuse_secrets("01", {"level": "B2", "recipe": "cpu"})


def test_a_folder_is_no_secret_whatever_its_variable_is_called(monkeypatch, tmp_path):
    monkeypatch.setenv("KEY_DIR", str(tmp_path / "not made yet"))
    monkeypatch.setenv("TOKENIZERS_HOME", str(tmp_path))
    parameters = {"output_root": str(tmp_path / "not made yet" / "out"), "user_data": str(tmp_path / "user_data")}
    secret_scan.refuse_secrets("01", parameters)
    assert secret_scan.found_in(str(parameters)) is None


# On the module path of every process of a stage: notes who was there, and refuses and notes every way out.
WATCH = """
import os, socket
def note(what):
    with open(os.environ["CEFR_TEST_WATCH"], "a") as file:
        file.write(f"{os.getpid()} {what}\\n")
note("began")
def refuse(name, original):
    def call(self, *arguments):
        if self.family == getattr(socket, "AF_UNIX", None):
            return original(self, *arguments)
        note(f"{name} {arguments}")
        raise OSError("no network here")
    return call
for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, refuse(name, getattr(socket.socket, name)))
def no_names(host, *_, **__):
    note(f"getaddrinfo {host}")
    raise socket.gaierror("no network here")
socket.getaddrinfo = no_names
"""


@pytest.fixture(scope="module")
def watched(bundled, tiny_folder, tmp_path_factory):
    """All stages through the pipeline, with a secret in the environment and no way to the network.

    The first with the bundled model, the others with a tiny one, which takes seconds.
    """
    folder = tmp_path_factory.mktemp("watched")
    (folder / "path").mkdir()
    (folder / "path" / "sitecustomize.py").write_text(WATCH)
    recipes = ("smoke", *[str(tiny_recipe(folder / "path" / "tiny.yaml", tiny_folder))] * 3)
    places = {"output_root": str(folder / "out"), "user_data": str(folder / "user_data")}
    environment = os.environ | {"HF_TOKEN": PLANTED, "HUGGING_FACE_HUB_TOKEN": PLANTED, "MY_API_KEY": PLANTED}
    environment |= {"CEFR_TEST_WATCH": str(folder / "watch.txt")}
    environment["PYTHONPATH"] = os.pathsep.join([str(folder / "path"), str(project_root())])
    printed = ""
    for stage, recipe in zip(STAGES, recipes, strict=True):
        settings = configuration.read({"levels": ["A1"], "recipe": recipe, **places})
        command = [sys.executable, "-m", "cefr_helpers.pipeline.stages", stage, "A1", settings.model_dump_json()]
        done = subprocess.run(command, cwd=project_root(), env=environment, capture_output=True, text=True)
        printed += done.stdout + done.stderr
        assert done.returncode == 0, printed
    return folder, settings.workspace, printed


def test_a_planted_token_is_in_nothing_that_is_written_or_printed(watched):
    folder, workspace, printed = watched
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in (path for stage in STAGES for path in stages.outputs(workspace, stage, "A1")):
        assert path in files, path
    published = {path.name for path in files if workspace.user_data in path.parents}
    assert {"adapter_model.safetensors", "model.safetensors", "README.md"} <= published
    assert all(workspace.run("A1") / f"{stage}.log" in files for stage in STAGES)
    assert [path for path in files if PLANTED.encode() in path.read_bytes()] == []
    assert PLANTED not in printed


def test_no_stage_uses_the_network(watched):
    lines = (watched[0] / "watch.txt").read_text().splitlines()
    # four stages, each with its kernel, and the merge
    assert len({line.split()[0] for line in lines if line.endswith("began")}) >= 9
    assert [line for line in lines if not line.endswith("began")] == []


@pytest.mark.parametrize(
    "call", ["socket.create_connection(('127.0.0.1', 9))", "socket.socket().connect(('127.0.0.1', 9))"]
)
def test_the_watch_would_notice_a_way_to_the_network(watched, tmp_path, call):
    environment = os.environ | {"PYTHONPATH": str(watched[0] / "path"), "CEFR_TEST_WATCH": str(tmp_path / "watch.txt")}
    command = [sys.executable, "-c", f"import socket; {call}"]
    assert subprocess.run(command, env=environment, capture_output=True).returncode != 0
    assert "127.0.0.1" in (tmp_path / "watch.txt").read_text()


def test_bank_and_model_load_with_sockets_blocked(bundled, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the network was asked for")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    from cefr_helpers.data import banks as sentence_bank

    banks = sentence_bank.read_all(sentence_bank.find("bundled", "B2"))
    base = base_model.resolve("bundled")
    tokenizer = base_model.load_tokenizer(base)
    assert len(banks) == 5 and tokenizer("word").input_ids
    assert base_model.load_model(base, "bf16").num_parameters() > 100_000_000


def test_the_folders_that_are_given_are_the_ones_written_to(watched):
    folder, workspace, _ = watched
    assert workspace == Workspace(folder / "out", folder / "user_data")
    assert {path.name for path in folder.iterdir()} <= {"path", "out", "user_data", "watch.txt"}
