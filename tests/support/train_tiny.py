"""One short training in a process of its own, since Unsloth patches its process: `train_tiny.py SPECIFICATION_JSON`.

The specification: `base_model`, `recipe` (changes to recipes/smoke.yaml), `folder`, `examples` (the first
eight for training, the rest for evaluation), `copies` (how often the training examples are taken),
`stop_at` (a step to die at; with `stop_in_part` 2 a step of the self-training), `own` (examples with which the training
goes on as if the model had written them, beside the first two), `fits_up_to` (a GPU's lack of memory, made up: a step
with more examples at a time fails with PyTorch's message, after it was made),
`interrupt_at` (a step to be interrupted at, after which the same kernel resumes),
`modes` (whether the modes of all modules before and after the first answers are among the results)
and `publish` (whether adapter and merged model are saved). Prints results as JSON.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from cefr_helpers.core.paths import Workspace, project_root
from cefr_helpers.core.recipes import Recipe
from cefr_helpers.training import answering, batch_size, self_training
from cefr_helpers.training import tuning as training

SCRIPT = Path(__file__)
FP32 = {"precision": "fp32", "learning_rate": 2.0e-2, "epochs": 3, "eval_steps": 4, "lora_dropout": 0.1}


@dataclass
class OneInFour:
    """Judges answers of tiny models, which pass no gate of Joint Success: one word in four by the answer's text."""

    prompts: list[dict]
    preparation_s: float = 0.25

    def passed(self, answers: list[str]) -> list[bool]:
        asked = [(word, answer) for one, answer in zip(self.prompts, answers, strict=True) for word in one["words"]]
        return [hash_of(word + answer) % 4 == 0 for word, answer in asked]


@dataclass
class Given:
    """Own sentences of tiny models, which write none that passes: examples that are given."""

    bank_examples: list[dict]
    examples: list[dict]

    def write(self, adapter: Path, folder: Path) -> tuple[list[dict], dict]:
        assert {"adapter_config.json", "adapter_model.safetensors"} == {path.name for path in adapter.iterdir()}
        return self.examples, {"own_examples": len(self.examples)}


def hash_of(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest(), 16)


def run(folder, base_model, examples, recipe, threads=None, **more) -> subprocess.CompletedProcess:
    spec = {"folder": str(folder), "base_model": str(base_model), "examples": examples, "recipe": recipe} | more
    folder.mkdir(exist_ok=True)
    environment = os.environ | ({"OMP_NUM_THREADS": str(threads)} if threads else {})
    command = [sys.executable, str(SCRIPT), json.dumps(spec)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def results(done: subprocess.CompletedProcess) -> dict:
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def main(spec: dict) -> dict:
    folder = Path(spec["folder"])
    training.prepare_unsloth(folder)
    from transformers import TrainerCallback

    from cefr_helpers.models import base_model, saving
    from cefr_helpers.models.prompts import prompt_ids

    values = yaml.safe_load((project_root() / "recipes" / "smoke.yaml").read_text()) | spec["recipe"]
    recipe = Recipe.model_validate(values | {"base_model": spec["base_model"]})
    base = base_model.resolve(recipe.base_model)
    model, tokenizer = training.load(base, recipe, 1)
    train, evaluation = spec["examples"][:8] * spec.get("copies", 1), spec["examples"][8:]
    if spec.get("stop_at"):

        class Die(TrainerCallback):
            def on_step_begin(self, args, state, control, **kwargs):
                if state.global_step == spec["stop_at"]:
                    os.kill(os.getpid(), signal.SIGKILL)

        make_trainer = training.make_trainer

        trainers = []

        def dying(*arguments, **more):
            trainers.append(make_trainer(*arguments, **more))
            if len(trainers) == spec.get("stop_in_part", 1):
                trainers[-1].add_callback(Die())
            return trainers[-1]

        training.make_trainer = dying
    if spec.get("fits_up_to"):
        run_out_of_memory(spec["fits_up_to"])
    arguments = (model, tokenizer, train, evaluation, recipe, 1, folder / "checkpoints", folder / "logs")
    if recipe.keep_best_by == "joint_success":
        arguments += (OneInFour([{**one, "output": ""} for one in evaluation]),)
    if spec.get("interrupt_at"):
        interrupted(arguments, spec["interrupt_at"])
    modes = seen_modes(model) if spec.get("modes") else None
    tuning = training.tune(*arguments)
    if (given := spec.get("own")) is not None:
        places = folder / "checkpoints" / "self_training", folder / "logs" / "self_training"
        tuning = self_training.go_on(tuning, Given(train[:2], given), evaluation, recipe, 1, base, *places)
    results = tuning.results | ({"modes": modes} if modes else {})
    if spec.get("publish"):
        workspace = Workspace(folder, folder / "user_data")
        name = saving.next_name(workspace, base, "A2")
        adapter = saving.save_adapter(tuning.model, workspace.adapters() / name, base)
        merged = workspace.merged_models() / f"{name}_merged"
        results["merge_check"] = saving.merge(base, adapter, merged, prompt_ids(tokenizer, evaluation[0]))
        results["adapter"], results["merged"] = (
            saving.describe(adapter, folder),
            saving.describe(merged, folder),
        )
    return results


def seen_modes(model) -> list[dict]:
    """Return a list that gets two entries when the model first writes: module -> training, gradient checkpointing."""
    seen: list[dict] = []
    measure = answering.measure

    def modes() -> dict:
        flags = (
            (name, one.training, getattr(one, "gradient_checkpointing", False)) for name, one in model.named_modules()
        )
        return {name: [training, bool(checkpointing)] for name, training, checkpointing in flags}

    def watched(*arguments):
        before = modes()
        found = measure(*arguments)
        seen.extend([before, modes()] if not seen else [])
        return found

    answering.measure = watched
    return seen


def run_out_of_memory(most: int) -> None:
    """Choose the batch size as on a GPU, with trials of more than `most` examples running out of memory."""
    import torch
    from trl import SFTTrainer

    resolve, train = batch_size.resolve, SFTTrainer.train
    batch_size.resolve = lambda recipe, folder, on_gpu, fits: resolve(recipe, folder, True, fits)

    def failing(trainer, *args, **kwargs):
        done = train(trainer, *args, **kwargs)
        if trainer.args.per_device_train_batch_size > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return done

    SFTTrainer.train = failing


def interrupted(arguments: tuple, step: int) -> None:
    """A first `tune` that JupyterLab's stop button ends at `step`."""
    from transformers import TrainerCallback

    class Interrupt(TrainerCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            if state.global_step == step:
                raise KeyboardInterrupt

    make_trainer = training.make_trainer

    def stopping(*arguments):
        trainer = make_trainer(*arguments)
        trainer.add_callback(Interrupt())
        return trainer

    training.make_trainer = stopping
    try:
        training.tune(*arguments)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    training.make_trainer = make_trainer


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
