"""Models that read the tone of financial text (`ports.SentimentModel`), and the cache around them.

Their vendors are imported when a model first scores, never before.
"""
