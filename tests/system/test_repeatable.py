"""The same commit, recipe, seed and machine give the same to the last digit: takes some minutes."""

import pytest
import repeating

pytestmark = pytest.mark.slow


def test_the_same_run_again_is_the_same_to_the_last_digit_and_byte(tmp_path):
    """The bundled model and the precision that the recipe takes on this machine, with one thread."""
    for name in ("first", "second"):
        repeating.run(tmp_path / name, threads=1)
    found = repeating.difference(tmp_path / "first", tmp_path / "second")
    assert found["same"] and found["training"] == found["comparison"] == found["answers"] == 0


def test_with_other_threads_losses_hardly_differ_and_answers_may(tmp_path):
    """Sums are taken in another order; the figures are printed, for the page on evaluation."""
    for threads in (1, 2):
        repeating.run(tmp_path / str(threads), threads)
    found = repeating.difference(tmp_path / "1", tmp_path / "2")
    print(repeating.told([1, 2], found))
    assert found["training"] < 0.05 and found["comparison"] < 0.05
