"""How a model is chosen, called, judged and paid for; no Prefect, no files, no Parquet here."""
