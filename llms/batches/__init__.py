"""The batch lane: requests handed in together, answered within a day, at a discount."""
