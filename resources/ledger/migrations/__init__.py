"""Alembic's environment: `env.py` runs the revisions in `versions/` on the connection it is handed."""
