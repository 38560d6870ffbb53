"""Entry points: the Prefect flows, the wiring they share with direct runs, and the commands."""

from flows import prefect_settings

# Here, because Prefect reads its settings when it is imported, and every way to it leads past this.
prefect_settings.apply_defaults()
