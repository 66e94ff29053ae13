"""What every folder of tests may ask for: a real PostgreSQL server."""

from collections.abc import Iterator
from uuid import uuid4

import postgres_server
import pytest


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a server that lives as long as the tests of this process."""
    found = postgres_server.binaries()
    if found is None:
        pytest.skip(postgres_server.MISSING)
    with postgres_server.running(found) as url:
        yield url


@pytest.fixture
def postgres_url(postgres: str) -> str:
    """URL of an empty schema, which the test has for itself."""
    return _new_schema(postgres)


@pytest.fixture(scope="session")
def _migrated(postgres: str) -> str:
    from resources.ledger import open_ledger

    url = _new_schema(postgres)
    open_ledger(url)
    return url


@pytest.fixture
def postgres_ledger(_migrated: str) -> str:
    """URL of a schema with the ledger's tables, all of them empty: migrating takes longer than most tests."""
    from resources.ledger.database import engine_at
    from resources.ledger.tables import metadata

    with engine_at(_migrated).begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    return _migrated


def _new_schema(server: str) -> str:
    from sqlalchemy import NullPool, create_engine, make_url
    from sqlalchemy.schema import CreateSchema

    schema = f"test_{uuid4().hex}"
    with create_engine(server, poolclass=NullPool).begin() as connection:
        connection.execute(CreateSchema(schema))
    return make_url(server).update_query_dict({"options": f"-csearch_path={schema}"}).render_as_string()
