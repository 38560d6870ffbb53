"""Where tables lie: paths, atomic writes, manifests. Knows nothing of Prefect or of models."""
