"""Which Prefect settings does docmill need? Set before Prefect comes, never over the user's."""

import atexit
import os
import sys

DEFAULTS = {
    # No telemetry, neither the server's nor the client's.
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # The temporary server of a run without PREFECT_API_URL can take its time on a busy machine.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    # Many small tasks: the recorder's and the event persister's batches cost a third this way.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "500",
}


def prepare_terminal() -> None:
    """Apply the defaults for a command that shows a run's progress itself; call before Prefect.

    Prefect's threads outlive the interpreter's end, and DuckDB's bindings then list on stderr
    every object those threads still hold. Nobody can act on that, so stderr is closed once all
    exit handlers have run: those registered later (Prefect's) run before this one.
    """
    apply_defaults(quiet=True)
    atexit.register(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno()))


def apply_defaults(quiet: bool = False) -> None:
    """Put the defaults into the environment where the user has set nothing.

    Args:
        quiet: Show only warnings of Prefect on the terminal, whose place the progress bar takes.
    """
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    if quiet:
        os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
