"""Run by Alembic, never imported. The caller owns the connection and its transaction."""

from alembic import context

from resources.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # true of SQLite as well, since our BEGIN comes before the first statement
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
