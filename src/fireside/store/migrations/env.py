"""Alembic's environment: it is given the store's own connection, inside the store's transaction."""

from alembic import context

from fireside.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
