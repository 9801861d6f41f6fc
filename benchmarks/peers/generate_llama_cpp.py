"""Generate greedy answers one prompt at a time with llama.cpp, with xllamacpp's server, from the 4-bit file."""

import json
import urllib.request

import common
import xllamacpp

GREEDY = {"temperature": 0, "cache_prompt": False}


def main(spec: dict) -> None:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = spec["gguf"]
    parameters.n_ctx = 2048
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = spec["threads"]
    server = xllamacpp.Server(parameters)
    prompts = common.prompts(spec)
    answer(server, prompts[0], 2)
    with common.Clock() as clock:
        answers = [answer(server, prompt, spec["new_tokens"]) for prompt in prompts]
    new = sum(one["tokens_predicted"] for one in answers)
    common.write_answers(spec, ["xllamacpp"], clock.seconds, new, None)


def answer(server, prompt: list[int], new_tokens: int) -> dict:
    body = json.dumps(GREEDY | {"prompt": prompt, "n_predict": new_tokens}).encode()
    request = urllib.request.Request(
        f"{server.listening_address}/completion", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=600) as found:
        return json.load(found)


if __name__ == "__main__":
    main(common.specification())
