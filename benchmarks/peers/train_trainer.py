"""Train with Hugging Face's Trainer and PEFT, as in their guides: bf16, otherwise the Trainer's defaults."""

import common
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, DataCollatorForSeq2Seq, Trainer, TrainingArguments

MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def main(spec: dict) -> None:
    torch.manual_seed(spec["seed"])
    tokenizer = AutoTokenizer.from_pretrained(spec["model"])
    model = AutoModelForCausalLM.from_pretrained(spec["model"], dtype=torch.bfloat16)
    config = LoraConfig(
        r=spec["rank"],
        lora_alpha=spec["alpha"],
        lora_dropout=spec["dropout"],
        target_modules=MODULES,
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(model, config)
    rows = [{key: row[key] for key in ("input_ids", "labels")} for row in common.read(spec["rows"])]
    trainer = Trainer(
        model=model,
        train_dataset=rows,
        data_collator=DataCollatorForSeq2Seq(tokenizer=tokenizer),
        args=TrainingArguments(
            output_dir=f"{spec['folder']}/outputs",
            per_device_train_batch_size=spec["batch_size"],
            gradient_accumulation_steps=spec["accumulation"],
            max_steps=spec["steps"],
            learning_rate=spec["learning_rate"],
            lr_scheduler_type="linear",
            warmup_steps=spec["warmup_steps"],
            weight_decay=spec["weight_decay"],
            bf16=True,
            use_cpu=not torch.cuda.is_available(),
            seed=spec["seed"],
            report_to="none",
            save_strategy="no",
            logging_steps=1,
        ),
    )
    trained = trainer.train()
    model.save_pretrained(f"{spec['folder']}/adapter")
    common.write(
        spec,
        ["torch", "transformers", "peft", "accelerate"],
        train_s=trained.metrics["train_runtime"],
        adapter=f"{spec['folder']}/adapter",
        steps=trained.global_step,
        gpu_memory_bytes=torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None,
    )


if __name__ == "__main__":
    main(common.specification())
