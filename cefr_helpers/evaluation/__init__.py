"""What answers are worth: likelihoods compared, answers parsed and measured, intervals, level scorers."""
