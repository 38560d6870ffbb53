"""Which Prefect settings does docmill need? Set before Prefect comes, never over the user's."""

import os

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


def apply_defaults(quiet: bool = False) -> None:
    """Put the defaults into the environment where the user has set nothing.

    Args:
        quiet: Show only warnings of Prefect on the terminal, whose place the progress bar takes.
    """
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    if quiet:
        os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
