"""Errors, files, locks, paths, recipes and records. It imports no other folder."""
