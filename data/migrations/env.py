"""Alembic runs on the connection that `data.database.migrate` hands over, inside its transaction."""

from alembic import context

from data.schema import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=Base.metadata, render_as_batch=True, transactional_ddl=False
)
context.run_migrations()
