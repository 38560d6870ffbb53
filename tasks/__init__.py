"""The stages of the pipeline: plain functions, and thin Prefect wrappers in `tasks.orchestrated`."""
