"""Adapters of what `learnfinance_dagster.ports` and `orchestration.handles` ask for."""
