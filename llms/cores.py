"""How many cores are there for this process?"""

import os

_shares_cores = False


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def free_cores() -> int:
    """How many cores are this process's own: one, where it is one of several that fill them."""
    return 1 if _shares_cores else usable_cores()


def share_cores() -> None:
    """Say that this process is one of several that keep the cores busy."""
    global _shares_cores
    _shares_cores = True
