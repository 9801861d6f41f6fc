"""The names that a comparison's record gives to who answered, to gates, and to level scorers; it imports nothing.

Notes and report read them here, so that they need none of what measures the answers, and do not depend on it.
"""

ROWS = ("base", "base_three_examples", "base_sampled", "tuned", "tuned_sampled", "gold", "trivial")
GATES = ("valid", "covered", "level_ok", "grammar_clean", "not_copied", "not_repetitive")
RATES = ("joint_success", *GATES)
SCORERS = ("full", "length_free", "length_only")
QUALITIES = ("qwk", "accuracy", "within_one", "rmse")
