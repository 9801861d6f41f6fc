"""Sharing models: model cards, GGUF files, Ollama, the Hugging Face Hub."""
