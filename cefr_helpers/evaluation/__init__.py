"""Evaluation: comparing likelihoods, parsing and measuring answers, intervals, level scorers."""
