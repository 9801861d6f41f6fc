"""One training in several processes: each has its own GPU (or CPU cores), and its share of every step's examples."""

import os
import sys

from cefr_helpers.errors import InputError, shown

VARIABLE = "CEFR_TRAINING_PROCESSES"


def asked() -> int:
    """How many processes a training shall have, by the environment: it is the machine's matter and changes no result.

    Raises:
        InputError: the variable holds no whole number above zero.
    """
    given = os.environ.get(VARIABLE, "1")
    if not given.isascii() or not given.isdigit() or int(given) < 1:
        raise InputError(f"{VARIABLE}: {shown(given)}; expected how many processes train as one, such as 2")
    return int(given)


def count() -> int:
    """How many processes train together with this one, itself included; as torchrun and accelerate say it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """This process's place among them; 0 does all that is done once."""
    return int(os.environ.get("RANK", "0"))


def launch_if_asked(module: str, arguments: list[str]) -> None:
    """Become PyTorch's launcher of a module in several processes, where they are asked for and this is not one of them.

    The launcher ends all of them when one fails, or when it is ended itself. What was set for this process, such as the
    end with its parent, stays so.
    """
    if asked() > 1 and count() == 1:
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(asked()), "-m", module]
        os.execv(sys.executable, [sys.executable, *launcher, *arguments])


def share(accumulation_steps: int) -> int:
    """Each process's part of a step's batches, so that a step has the recipe's examples whatever the processes.

    Raises:
        InputError: the batches of a step cannot be shared out evenly.
    """
    if accumulation_steps % count():
        raise InputError(
            f"gradient_accumulation_steps: {accumulation_steps}; expected a multiple of the {count()} processes "
            f"({VARIABLE}) that share its batches out; halve batch_size and double it, say"
        )
    return accumulation_steps // count()
