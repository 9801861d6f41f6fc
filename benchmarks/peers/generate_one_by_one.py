"""Generate greedy answers one prompt at a time with transformers' `generate`; loading is not timed."""

import common
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}


def main(spec: dict) -> None:
    tokenizer = AutoTokenizer.from_pretrained(spec["model"])
    model = AutoModelForCausalLM.from_pretrained(spec["model"], dtype=DTYPES[spec["precision"]]).eval()
    prompts = common.prompts(spec)
    answer(model, prompts[0], 2)
    with common.Clock() as clock:
        answers = [answer(model, prompt, spec["new_tokens"]) for prompt in prompts]
    texts = [text.strip() for text in tokenizer.batch_decode(answers, skip_special_tokens=True)]
    common.write_answers(spec, ["torch", "transformers"], clock.seconds, sum(map(len, answers)), texts)


@torch.no_grad()
def answer(model, prompt: list[int], new_tokens: int) -> list[int]:
    ids = torch.tensor([prompt])
    out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=new_tokens, do_sample=False)
    return out[0, len(prompt) :].tolist()


if __name__ == "__main__":
    main(common.specification())
