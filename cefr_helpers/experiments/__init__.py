"""Grids of runs: defining them, running them, and their report."""
