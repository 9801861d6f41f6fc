"""Out of the project: model cards, GGUF files, Ollama, the Hugging Face Hub."""
