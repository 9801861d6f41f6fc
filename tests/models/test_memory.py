import subprocess
import sys

import pytest

REUSED = """
import resource, torch
from cefr_helpers.models import memory
{call}
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(20_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="about the C library of Linux")
def test_large_tensors_are_made_in_memory_that_was_used_before():
    counts = [
        int(subprocess.run([sys.executable, "-c", REUSED.format(call=call)], capture_output=True, check=True).stdout)
        for call in ("", "assert memory.keep_freed()")
    ]
    assert counts[1] < 100 < counts[0] / 10
