"""LoRA tuning: checks before it, the trainer, checkpoints, results, and runs trained elsewhere."""
