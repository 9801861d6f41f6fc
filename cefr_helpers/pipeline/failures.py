"""Why a stage failed, in one line: out of memory, a killed kernel and a full disk are recognised as that."""

import re
import resource

from cefr_helpers.core import files

# What Python, PyTorch, CUDA or the system say when memory runs out
_OUT_OF_MEMORY = re.compile(
    r"MemoryError|OutOfMemory|bad_alloc|(can't|cannot|unable to) allocate|allocate memory|out of memory",
    flags=re.IGNORECASE,
)
_KILLED = "its kernel was killed"
_LESS_MEMORY = {
    "02_training": "lower batch_size (and raise gradient_accumulation_steps by as much), eval_batch_size or "
    "max_seq_length in the recipe, or set gradient_checkpointing: true",
    "03_baseline_comparison": "lower eval_batch_size in the recipe",
}


def of_cell(number: int, kind: str, message: str, stage: str) -> str:
    """The cause where a cell raised an exception of a kind, such as "ValueError", with its message."""
    told = f"cell [{number}] raised {kind}: {message}"
    if _OUT_OF_MEMORY.search(f"{kind}: {message}"):
        return f"memory ran out: {told}\n  {_memory(stage)}"
    return f"the disk is full: {told}" if files.is_disk_full(Exception(message)) else told


def of_dead_kernel(stage: str) -> str:
    """The cause where the kernel is gone; to be asked after it was waited for, or its peak is not known."""
    return f"{_KILLED}; the system does so when memory runs out\n  {_memory(stage)}"


def may_be_memory(cause: str) -> bool:
    """Whether more memory might mend what a stage says of its failure."""
    return _KILLED in cause or bool(_OUT_OF_MEMORY.search(cause))


def _memory(stage: str) -> str:
    import psutil

    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    total = psutil.virtual_memory().total
    change = _LESS_MEMORY.get(stage, "close other programs")
    return f"it had used up to {peak / 1e9:.1f} GB of the {total / 1e9:.1f} GB there are; if that was it, {change}"
