"""The cluster that the tests start: its roles, and that it is gone with its process, however that ends."""

import os
import select
import shutil
import subprocess
import sys

import psycopg
import pytest

from tests.postgresql import Database

_HOLD = """
import sys
from tests.postgresql import running
with running() as cluster:
    print(cluster.pid, cluster.folder, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE t (i INTEGER)", "DELETE FROM schema_migrations", "DROP TABLE investigations"]
)
def test_the_role_of_the_server_writes_rows_and_nothing_else(postgres: Database, statement: str) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("INSERT INTO investigations (id) VALUES ('inv-1')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())


def test_a_killed_test_run_leaves_no_postgresql() -> None:
    with subprocess.Popen([sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        pid, folder = holder.stdout.readline().decode().split()
        postmaster = os.pidfd_open(int(pid))
        holder.kill()
    try:
        assert select.select([postmaster], [], [], 30)[0], "the postmaster outlived its test run"
    finally:
        os.close(postmaster)
        shutil.rmtree(folder)
