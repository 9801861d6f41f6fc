"""A bank made with a real llama.cpp server and the bundled model, which is weak: it ends, and lists what is missing."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from cefr_helpers import cli
from cefr_helpers.bank_making.storage import ResponseLog
from cefr_helpers.data import banks
from cefr_helpers.models import base_model

# llama.cpp's own server, out of the xllamacpp wheel; one thread, since its threads wait for one another by spinning
SERVE = """
import sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port, params.n_ctx, params.n_parallel, params.cpuparams.n_threads = sys.argv[1], 0, 2048, 1, 1
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""
WORDS = ("dog", "friend", "kitchen")


@pytest.fixture
def llama_cpp():
    """The address of a llama.cpp server with the bundled model."""
    [folder] = importlib.util.find_spec(base_model.BUNDLED_PACKAGE).submodule_search_locations
    command = [sys.executable, "-c", SERVE, str(Path(folder) / base_model.BUNDLED_FILE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        try:
            yield server.stdout.readline().decode().strip()
        finally:
            server.kill()


@pytest.mark.slow
def test_the_bundled_model_behind_llama_cpp_writes_what_it_can(llama_cpp, tmp_path, monkeypatch, capsys):
    (tmp_path / "words.txt").write_text("\n".join(WORDS))
    output = tmp_path / "B1.json"
    options = {
        "--words": tmp_path / "words.txt",
        "--level": "B1",
        "--server": llama_cpp,
        "--output": output,
        "--sentences": 2,
        "--tries": 2,
        "--max-new-tokens": 100,
        "--temperature": 0,
        "--user-data": tmp_path,
    }
    monkeypatch.setattr(sys, "argv", ["cefr", "bank", *(str(one) for pair in options.items() for one in pair)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = "".join(capsys.readouterr())
    journal = ResponseLog(tmp_path / "B1.made" / "answers.jsonl")
    assert journal.header["server"]["kind"] == "llama.cpp" and journal.header["model"].endswith(base_model.BUNDLED_FILE)
    assert {one["word"] for one in journal.answers} == set(WORDS) and 3 <= len(journal.answers) <= 6
    assert all(one["text"] and 0 < one["completion_tokens"] <= 100 < one["prompt_tokens"] for one in journal.answers)
    assert ended.value.code in (None, 0), printed
    bank = banks.read(output, "B1")
    assert bank.report == () and set(bank.sentences) <= set(WORDS)
    record = json.loads((tmp_path / "B1.made" / "record.json").read_text())
    assert record["model"] == base_model.BUNDLED_FILE and record["results"]["kept"] == bank.sentences_read
    missing = {word: 2 - len(bank.sentences.get(word, ())) for word in WORDS}
    assert record["results"]["lacking"] == {word: count for word, count in missing.items() if count}
    assert all(f"{word} ({count})" in printed for word, count in record["results"]["lacking"].items())
