"""Rules that answer like a provider: free, offline, deterministic, and no language model."""
