"""A recipe and data make a fitted network."""
