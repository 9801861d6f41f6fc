"""Helpers for teaching a small language model to write sentences at a chosen CEFR level."""

__version__ = "0.1.0"
