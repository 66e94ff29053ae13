"""Adapters: one folder per port of `learnfinance_dagster.ports`, one file per vendor."""
