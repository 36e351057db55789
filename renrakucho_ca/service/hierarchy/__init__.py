"""Creating hierarchies, external roots and cross-certificates."""
