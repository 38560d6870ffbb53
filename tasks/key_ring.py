"""Where are keys found that stand in no environment variable? In this process, while it runs."""

import os
from collections.abc import Mapping

from llms.providers import SECRET_BLOCK

_fetched: dict[str, str] = {}


def keep(block: str, key: str) -> None:
    """Remember the key that a secret block holds, for the rest of this process."""
    _fetched[f"{SECRET_BLOCK}{block}"] = key


def fetched() -> Mapping[str, str]:
    """The keys that flows have fetched, as `restore` takes them in another process."""
    return dict(_fetched)


def restore(kept: Mapping[str, str]) -> None:
    """Remember the keys that another process has fetched."""
    _fetched.update(kept)


def keys() -> Mapping[str, str]:
    """The environment of this process and the keys that flows have fetched.

    Kept out of `os.environ`, which every child process and many error reports get a copy of.
    """
    return {**os.environ, **_fetched}
