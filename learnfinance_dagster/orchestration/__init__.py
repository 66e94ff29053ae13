"""Partitions, jobs, schedules and the translation of failures: the Dagster that is not an asset or a resource."""
