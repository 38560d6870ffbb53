"""How is a process of our own started that works for this one? With our imports, and no more.

By `subprocess` and not by `multiprocessing`: its spawn method would import the caller's main module
in every process (the command line with all its imports, or a script without a main guard, over and
over), and fork is unsafe beside threads.
"""

import json
import os
import subprocess
import sys
from collections.abc import Collection, Mapping
from typing import IO, Any

_BOOT = """\
import json, sys
task = json.loads(sys.argv[1])
sys.path[:] = task.pop("path")
import importlib
importlib.import_module(task.pop("module")).serve(**task)
"""


def start_child(
    module: str,
    *,
    channel: int | None = None,
    pipes: int = subprocess.DEVNULL,
    errors: int | IO[bytes] | None = None,
    keeping: Collection[str] | None = None,
    settings: Mapping[str, str] | None = None,
    **task: Any,
) -> "subprocess.Popen[bytes]":
    """A process that calls `serve` of a module, in a session of its own: Ctrl-C is ours to handle.

    Args:
        module: What it imports, found there as here.
        channel: A file descriptor it is given, by which `serve` is called as well; null for none.
        pipes: What its standard input and output are.
        errors: Where it writes complaints; null for where this process does.
        keeping: Names of the environment variables that it is given; null for all.
        settings: Environment variables that are set for it.
        task: What else `serve` is called by; goes through JSON and stands in the command line.

    Raises:
        OSError: It cannot be started.
    """
    task |= {"path": [os.path.abspath(entry) for entry in sys.path], "module": module}
    if channel is not None:
        task["channel"] = channel
    kept = os.environ if keeping is None else {k: os.environ[k] for k in keeping if k in os.environ}
    return subprocess.Popen(
        [sys.executable, "-c", _BOOT, json.dumps(task)],
        pass_fds=[] if channel is None else [channel],
        stdin=pipes,
        stdout=pipes,
        stderr=errors,
        env={**kept, **(settings or {})},
        start_new_session=True,
    )
