"""Base models and adapters: loading, prompts, likelihoods, answers, saving and merging."""
