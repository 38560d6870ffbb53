"""How a model is chosen, called, judged and paid for. Knows nothing of Prefect, files or Parquet."""
