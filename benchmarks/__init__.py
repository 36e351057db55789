"""How fast rca is, as ratios to what the machine could do at best. `python -m benchmarks`."""
