"""Check that llama.cpp with a GGUF file gives the same as transformers with the merged model it was converted from.

Run as `python -m cefr_helpers.sharing.gguf_check MERGED GGUF QUANTISATION` with a prompt's example as JSON on standard
input, in a separate process, because llama.cpp ends its process on a broken file. The last line printed is the numbers
as JSON.
"""

import json
import sys
from pathlib import Path

from cefr_helpers.models import base_model, prompts

# Texts that tokenisers treat differently: figures, contractions, runs of spaces, other scripts, emoji, chat tokens.
ODD_SENTENCES = (
    "Don't stop , please .",
    "I'd've thought they'll say: \u201cIt\u2019s ours!\u201d \u2014 wouldn\u2019t you?",
    "In 2026, 1,234.50 of 10000 people (12%) paid \u00a33.99 on 31/12.",
    "  two spaces,\ttab\tand\n\n\nthree line ends \n",
    "na\u00efve caf\u00e9s, fianc\u00e9e, \u0130stanbul'da \u00e7ay, \u0131\u015f\u0131k; cafe\u0301",
    "\u043f\u0440\u0438\u0432\u0435\u0442 \u65e5\u672c\u8a9e \u0627\u0644\u0633\u0644\u0627\u0645",
    "\U0001f1f9\U0001f1f7\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f600",
    "<|im_start|>user\nHi<|im_end|>\n<|endoftext|><|eot_id|>",
    "camelCase snake_case CAPS x=3*(y-1); http://a.b/c?d=e#f",
    "a\u00a0b\u200bc\u00ad\u2581d \ufeff\x7f",
    "aaaaaaaaaaaaaaaaaaaaaaaa ........ !!!??? ''''",
)
_NEW_TOKENS = 32
# Mean difference of log probabilities (nats) caused by rounding, with a margin; a training changes them more.
TOLERANCES = {"f16": 0.02, "bf16": 0.05, "q8_0": 0.15}


def check(merged: Path, gguf: Path, example: dict, tolerance: float) -> dict:
    """Compare tokens of unusual sentences, the prompt's text, and the first tokens of a greedy answer with likelihoods.

    Returns:
        `sentences`: number that gave the same tokens; `same_tokens`: number of tokens of the answer that are the same
        from its start, of `tokens`; `mean_difference` and `largest_difference` of their log probabilities (nats),
        including the token where the answers diverge.

    Raises:
        RuntimeError: something differs by more than rounding explains.
    """
    tokenizer = base_model.tokenizer_in(merged)
    prompt = prompts.prompt_ids(tokenizer, example)
    expected = _greedy(merged, tokenizer, prompt)
    server, post = serve(gguf, len(prompt) + _NEW_TOKENS)
    _same_tokens(tokenizer, post)
    _same_prompt(tokenizer, prompt, example, post)
    found = post("/completion", prompt=prompt, temperature=0, n_predict=_NEW_TOKENS, n_probs=1, return_tokens=True)
    del server
    return {"sentences": len(ODD_SENTENCES)} | compare(*expected, *_answer(found, tokenizer.eos_token_id), tolerance)


def compare(
    tokens: list[int], logprobs, found: list[int], found_logprobs: list[float | None], tolerance: float
) -> dict:
    """Return the numbers of `check`.

    Args:
        tokens: tokens of the merged model's answer.
        logprobs: its log probabilities of every token of the vocabulary at each of them, (tokens, vocabulary).
        found, found_logprobs: the tokens of llama.cpp's answer and their log probabilities; one without is not
            compared.
        tolerance: for the mean difference, in nats.

    Raises:
        RuntimeError: likelihoods differ on average by more than the tolerance, or the answers diverge at a token that
            the merged model found less likely than its own by more than twice that.
    """
    same = next((n for n, pair in enumerate(zip(tokens, found, strict=False)) if pair[0] != pair[1]), len(tokens))
    compared = zip(found_logprobs[: same + 1], logprobs, found, strict=False)
    differences = [abs(told - float(row[token])) for told, row, token in compared if told is not None]
    numbers = {
        "tokens": len(tokens),
        "same_tokens": same,
        "mean_difference": sum(differences) / len(differences),
        "largest_difference": max(differences),
    }
    parted = same < len(tokens)
    gap = float(logprobs[same][tokens[same]] - logprobs[same][found[same]]) if parted else 0.0
    if numbers["mean_difference"] > tolerance or gap > 2 * tolerance:
        raise RuntimeError(f"llama.cpp does not answer like the merged model: {numbers}, gap there {gap:.3f}")
    return numbers


def _greedy(merged: Path, tokenizer, prompt: list[int]) -> tuple[list[int], list]:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        merged, dtype=torch.float32, local_files_only=True, use_safetensors=True, trust_remote_code=False
    ).eval()
    ids = torch.tensor([prompt])
    with torch.inference_mode():
        out = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=_NEW_TOKENS,
            repetition_penalty=1.0,  # whatever the model's folder recommends
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            output_logits=True,
            return_dict_in_generate=True,
        )
    return out.sequences[0, len(prompt) :].tolist(), torch.cat(out.logits).log_softmax(-1)


def serve(gguf: Path, length: int):
    """Start llama.cpp's server on the file, which lives as long as the first value; the second sends requests to it."""
    import httpx
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(gguf)
    settings.n_ctx = length + 64
    settings.n_parallel = 1
    settings.warmup = False
    server = xllamacpp.Server(settings)

    client = httpx.Client(base_url=server.listening_address, timeout=600, trust_env=False)  # no proxy for this machine

    def post(path: str, **body) -> dict:
        return client.post(path, json=body).raise_for_status().json()

    return server, post


def _same_tokens(tokenizer, post) -> None:
    for sentence in ODD_SENTENCES:
        expected = tokenizer(sentence, add_special_tokens=False).input_ids
        found = post("/tokenize", content=sentence, add_special=False, parse_special=True)["tokens"]
        if found != expected:
            raise RuntimeError(f"llama.cpp tokenises {sentence!r} as {found}; the merged model as {expected}")


def _same_prompt(tokenizer, expected: list[int], example: dict, post) -> None:
    """Compare the prompt's tokens, because llama.cpp's text does not show a start token that it adds."""
    question = [{"role": "user", "content": prompts.prompt_text(example)}]
    shown = post("/apply-template", messages=question)["prompt"]
    found = post("/tokenize", content=shown, add_special=True, parse_special=True)["tokens"]
    if found != expected:
        raise RuntimeError(
            f"llama.cpp's prompt is {shown!r}, tokens {found}; the merged model was trained on "
            f"{tokenizer.decode(expected)!r}, tokens {expected}"
        )


def _answer(found: dict, end: int) -> tuple[list[int], list[float | None]]:
    """Return tokens and log probabilities; None if the server gives none.

    That is the case for the end token, and for one that ends within a character, whose text comes with the next.
    """
    tokens, told = found["tokens"], [(one["id"], one["logprob"]) for one in found["completion_probabilities"]]
    ended = found["stop_type"] == "eos" and tokens[-1:] != [end]
    tokens = [*tokens, end] if ended else tokens
    return tokens, [told.pop(0)[1] if told and told[0][0] == token else None for token in tokens]


if __name__ == "__main__":
    merged, gguf, quantisation = sys.argv[1:]
    print(json.dumps(check(Path(merged), Path(gguf), json.load(sys.stdin), TOLERANCES[quantisation])))
