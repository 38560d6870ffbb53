"""Templates of generated documents: one module per type, drawing on seeded random choices."""
