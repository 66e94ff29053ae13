"""The jobs whose name decides what a run may do: a job's name, unlike a tag, is not free to set."""

LIVE_JOB = "monday"
"""The only job that may trade and mail."""
RESEARCH_JOB = "research"
TRAINING_JOB = "sunday"
"""The only job whose training summary a language model may be asked for."""
FOLLOW_JOB = "follow"
"""Sends what the live job recorded and what waits for its turn, and follows open orders until each is final."""
MAILING_JOBS = (LIVE_JOB, TRAINING_JOB)
