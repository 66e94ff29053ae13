"""Partitions, jobs, schedules, what assets are handed, failure translation: Dagster that is no asset or resource."""
