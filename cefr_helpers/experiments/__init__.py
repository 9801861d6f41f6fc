"""Grids of runs: what they are, running them, and their report."""
