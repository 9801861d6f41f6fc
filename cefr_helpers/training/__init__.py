"""LoRA tuning: preflight checks, the trainer, checkpoints, results, and runs trained elsewhere."""
