"""What every folder of tests may ask for."""

from collections.abc import Iterator
from uuid import uuid4

import postgres_server
import pytest


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a real PostgreSQL server that lives as long as the tests of this process."""
    found = postgres_server.binaries()
    if found is None:
        pytest.skip(postgres_server.MISSING)
    with postgres_server.running(found) as url:
        yield url


@pytest.fixture
def postgres_url(postgres: str) -> str:
    """URL of an empty schema of that server, which the test has for itself."""
    from sqlalchemy import NullPool, create_engine, make_url
    from sqlalchemy.schema import CreateSchema

    schema = f"test_{uuid4().hex}"
    with create_engine(postgres, poolclass=NullPool).begin() as connection:
        connection.execute(CreateSchema(schema))
    return make_url(postgres).update_query_dict({"options": f"-csearch_path={schema}"}).render_as_string()
