"""The stages: plain functions, and thin Prefect wrappers in `tasks.orchestrated`."""
