"""Silence what libraries print while a model loads, by their own switches, because it hides progress and results."""

import logging


def libraries() -> None:
    """Switch off progress bars over loaded weights and warnings about missing kernels; downloads keep their bars."""
    from huggingface_hub.utils import are_progress_bars_disabled, enable_progress_bars
    from transformers.utils.logging import disable_progress_bar

    silent = are_progress_bars_disabled()
    disable_progress_bar()  # the hub's too
    if not silent:
        enable_progress_bars()
    # bitsandbytes misses kernels for 4 bits on a CPU, where nothing is loaded in 4 bits
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
