"""A server that is killed in mid-sentence: what it acknowledged is there, and what is there is whole (contract 8)."""

import random
import signal
from functools import partial
from pathlib import Path

from tests.acceptance.conftest import Serve
from tests.acceptance.writers import Ledger, faults, make_shared, write_until_gone

ROUNDS = 5


async def test_nothing_acknowledged_is_lost_and_nothing_is_torn_when_the_server_is_killed(
    config: Path, serve: Serve
) -> None:
    chance = random.Random(20260109)
    ledger = Ledger()
    database = config.parent / "investigations.db"
    for number in range(ROUNDS):
        server = serve(config)
        if number == 0:
            await make_shared(server.port, ledger)
        ledger.after(chance.randint(1, 400), partial(server.signal, signal.SIGKILL))
        await write_until_gone(server.port, ledger, f"round-{number}")
        assert server.wait() == -signal.SIGKILL
        assert not server.complaints, server.stderr
        assert faults(database, ledger) == []
    server = serve(config)
    assert server.terminate() == 0
    assert faults(database, ledger) == []
    print(f"\n{ROUNDS} kills, {len(ledger.acknowledged)} acknowledged writes, {ledger.refused or 'none'} refused")
