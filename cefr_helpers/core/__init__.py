"""Errors, files, locks, paths, recipes and records. It knows no domain and imports no other folder."""
