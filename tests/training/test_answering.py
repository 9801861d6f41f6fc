"""What the answers of a model in training decide; trainings with answers are in test_tuning.py."""

import pytest
from train_tiny import OneInFour

from cefr_helpers.core import recipes
from cefr_helpers.training import answering, tuning


def test_more_words_come_first_and_then_the_lower_loss():
    of = OneInFour([{"words": ["a", "b"]}])
    good, better, other = (answering.order(*figures, of) for figures in ((0.5, 0.5), (9.0, 1.0), (0.4, 0.5)))
    assert good < other < better


def test_a_training_by_joint_success_needs_what_judges(examples):
    chosen = recipes.load_recipe("smoke").model_copy(update={"keep_best_by": "joint_success"})
    with pytest.raises(ValueError, match="joint_success"):
        tuning.tune(None, None, examples, examples, chosen, 1, None, None)
