"""What `serve` wants of a PostgreSQL beside the schema, on whole servers."""

import signal

import pytest

from tests import factories, postgresql
from tests.postgresql import Cluster, Database
from wizard_server.errors import SchemaError, StorageUnavailableError
from wizard_server.server import Server


async def start(url: str, *, require_durability: bool = False) -> None:
    """Start and stop a server on `url`; raises what ``serve`` refuses to start for."""
    database = {"url": url, "require_durability": require_durability}
    server = Server(factories.config(database=database))
    await server.start()
    await server.stop()


async def test_a_fit_database_is_served_from_without_a_warning(
    postgres: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await start(postgres.url)
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "fsync is off: what was acknowledged may be lost in a crash; turn it on, or say that this may be: [database] "
        "require_durability = false"
    ]


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit"])
async def test_a_server_that_may_lose_what_it_acknowledged_is_refused(
    cluster: Cluster, postgres: Database, setting: str
) -> None:
    cluster.execute(f"ALTER ROLE wizard IN DATABASE {postgres.name} SET synchronous_commit = off")
    with pytest.raises(SchemaError, match=f"{setting} is off: what was acknowledged may be lost"):
        await start(postgres.url, require_durability=True)


async def test_a_role_that_may_not_do_what_the_server_has_to_is_refused(cluster: Cluster, postgres: Database) -> None:
    cluster.execute("REVOKE INSERT, UPDATE ON investigations FROM wizard", database=postgres.name, role="owner")
    with pytest.raises(SchemaError, match="GRANT INSERT, UPDATE ON investigations TO wizard"):
        await start(postgres.url)


async def test_a_role_that_may_not_read_a_view_is_refused_and_need_not_write_to_it(
    cluster: Cluster, postgres: Database
) -> None:
    statement = "REVOKE SELECT, INSERT, UPDATE, DELETE ON dashboard_states FROM wizard"
    cluster.execute(statement, database=postgres.name, role="owner")
    with pytest.raises(SchemaError, match="GRANT SELECT ON dashboard_states TO wizard"):
        await start(postgres.url)
    cluster.execute("GRANT SELECT ON dashboard_states TO wizard", database=postgres.name, role="owner")
    await start(postgres.url)


async def test_a_role_that_may_change_the_schema_is_told_of(
    postgres: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await start(postgres.owner_url)
    assert "role owner may change the schema, which the server never does" in caplog.text


async def test_a_search_path_that_leads_nowhere_is_refused(cluster: Cluster, postgres: Database) -> None:
    cluster.execute(f"ALTER ROLE wizard IN DATABASE {postgres.name} SET search_path = nowhere")
    with pytest.raises(SchemaError, match="role wizard works in no schema: its search_path names none that exists"):
        await start(postgres.url)


async def test_a_database_of_another_encoding_is_refused(cluster: Cluster) -> None:
    cluster.execute("CREATE DATABASE latin OWNER owner ENCODING 'LATIN1' TEMPLATE template0")
    try:
        with pytest.raises(SchemaError, match="database latin is of encoding LATIN1, not UTF8"):
            await start(cluster.url("latin", "owner"))
    finally:
        cluster.execute("DROP DATABASE latin WITH (FORCE)")


async def test_a_standby_is_refused() -> None:
    with postgresql.running() as cluster:
        cluster.make_template()
        cluster.stop(signal.SIGINT)
        (cluster.folder / "data/standby.signal").touch()
        cluster.start()
        url = cluster.url("template", "wizard")
        with pytest.raises(SchemaError, match="the server is a standby, which takes no writes"):
            await start(url)


async def test_a_server_that_is_away_is_told_without_the_password() -> None:
    with pytest.raises(StorageUnavailableError) as caught:
        await start("postgresql://wizard:hunter2@127.0.0.1:1/investigations")
    assert "cannot open postgresql://wizard:********@127.0.0.1:1/investigations" in str(caught.value)
    assert "hunter2" not in str(caught.value)
