"""Sentence banks written by a model behind a server."""
