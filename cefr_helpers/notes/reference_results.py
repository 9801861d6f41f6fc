"""The published figures of the reference project, the one that this suite grew from; loss of the full text."""

TAKEN_DOWN = "2026-11-22"  # the day these figures were written down here
MODEL = "Llama-3.2-1B-Instruct"
EXAMPLES = {"train": 1800, "eval": 200}
OVERLAP = (0.94, 0.995)  # share of its evaluation sentences that are in its training examples, by its files
LEVELS = {
    "A2": {
        "loss_reduction": 67.4,
        "perplexity_reduction": 79.1,
        "training_time": 346,
        "best_eval_loss": 0.51,
        "best_epoch": 6.92,
    },
    "B1": {
        "loss_reduction": 68.7,
        "perplexity_reduction": 79.9,
        "training_time": 402,
        "best_eval_loss": 0.43,
        "best_epoch": 6.92,
    },
    "B2": {
        "loss_reduction": 72.2,
        "perplexity_reduction": 81.5,
        "training_time": 390,
        "best_eval_loss": 0.34,
        "best_epoch": 6.90,
    },
}
B2 = {
    "base_loss": 2.34,
    "base_perplexity": 10.33,
    "tuned_loss": 0.65,
    "tuned_perplexity": 1.91,
    "first_train_loss": 1.83,
    "last_train_loss": 0.28,
    "steps": 290,
}
