"""The same commit, recipe, seed and machine give the same results to the last digit: takes some minutes."""

import pytest
import repeating

pytestmark = pytest.mark.slow


def test_the_same_run_again_is_the_same_to_the_last_digit_and_byte(tmp_path):
    """The bundled model and the precision that the recipe takes on this machine, with one thread."""
    for name in ("first", "second"):
        repeating.run(tmp_path / name, "OMP_NUM_THREADS=1")
    found = repeating.difference(tmp_path / "first", tmp_path / "second")
    assert found["same"] and found["training"] == found["comparison"] == found["answers"] == 0


@pytest.mark.parametrize("other", ["OMP_NUM_THREADS=2", "ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16"])
def test_with_sums_in_another_order_losses_hardly_differ_and_answers_may(tmp_path, other):
    """Two threads in place of one, or an older processor's matrix products; the figures are printed, for the page."""
    for number, how in enumerate(("OMP_NUM_THREADS=1", other)):
        repeating.run(tmp_path / str(number), how)
    found = repeating.difference(tmp_path / "0", tmp_path / "1")
    print(repeating.told("OMP_NUM_THREADS=1", other, found))
    assert found["training"] < 0.05 and found["comparison"] < 0.05
