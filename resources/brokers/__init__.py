"""Brokers: a file per vendor; the simulated one needs none."""
