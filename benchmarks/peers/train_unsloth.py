"""Train with Unsloth as its own notebooks do: their calls and arguments, on the shared examples and steps."""

from unsloth import FastLanguageModel  # noqa: I001  it comes before transformers and TRL, which it changes

import common
import torch
from datasets import Dataset
from transformers import DataCollatorForSeq2Seq
from trl import SFTConfig, SFTTrainer

MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def main(spec: dict) -> None:
    model, tokenizer = FastLanguageModel.from_pretrained(
        model_name=spec["model"], max_seq_length=spec["max_seq_length"], dtype=None, load_in_4bit=spec["load_in_4bit"]
    )
    model = FastLanguageModel.get_peft_model(
        model,
        r=spec["rank"],
        target_modules=MODULES,
        lora_alpha=spec["alpha"],
        lora_dropout=spec["dropout"],
        bias="none",
        use_gradient_checkpointing="unsloth",
        random_state=spec["seed"],
        use_rslora=False,
        loftq_config=None,
    )
    # the notebooks render and mask text here; these rows have the same tokens as every row of the table
    rows = [{key: row[key] for key in ("input_ids", "labels")} for row in common.read(spec["rows"])]
    trainer = SFTTrainer(
        model=model,
        tokenizer=tokenizer,
        train_dataset=Dataset.from_list(rows),
        data_collator=DataCollatorForSeq2Seq(tokenizer=tokenizer),
        args=SFTConfig(
            per_device_train_batch_size=spec["batch_size"],
            gradient_accumulation_steps=spec["accumulation"],
            warmup_steps=spec["warmup_steps"],
            max_steps=spec["steps"],
            learning_rate=spec["learning_rate"],
            logging_steps=1,
            optim="adamw_8bit",
            weight_decay=spec["weight_decay"],
            lr_scheduler_type="linear",
            seed=spec["seed"],
            output_dir=f"{spec['folder']}/outputs",
            report_to="none",
            save_strategy="no",
            max_length=spec["max_seq_length"],
            packing=False,
            dataset_kwargs={"skip_prepare_dataset": True},
        ),
    )
    clock = common.step_clock()
    trainer.add_callback(clock)
    trained = trainer.train()
    model.save_pretrained(f"{spec['folder']}/adapter")
    common.write(
        spec,
        ["torch", "transformers", "trl", "peft", "unsloth"],
        train_s=trained.metrics["train_runtime"],
        step_s=clock.median_s(),
        adapter=f"{spec['folder']}/adapter",
        steps=trained.global_step,
        optimizer=str(getattr(trainer.args.optim, "value", trainer.args.optim)),
        gpu_memory_bytes=torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None,
    )


if __name__ == "__main__":
    main(common.specification())
