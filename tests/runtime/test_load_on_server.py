"""The load generator and our model server, with the flights of winter: two sides count the same."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from tests.bench.serving import train_flights
from tests.runtime.model_folder import running_server

SECONDS, RATE = 3, 60


async def test_nothing_fails_and_every_label_is_taken(tmp_path: Path) -> None:
    config, pool, _ = await asyncio.to_thread(train_flights, tmp_path)
    with running_server(tmp_path, config) as server:
        before = server.page()
        command = [
            *("-m", "tests.load", "run", "--url", server.url, "--model", config.model, "--label", "late"),
            *("--pool", str(pool), "--rate", str(RATE), "--duration", str(SECONDS), "--label-delay", "0.5"),
            *("--arrivals", "poisson", "--timeout", "60", "--json", str(tmp_path / "load.json")),
        ]
        process = await asyncio.create_subprocess_exec(sys.executable, *command)
        assert await process.wait() == 0
        counted = server.page().since(before)
    summary = json.loads((tmp_path / "load.json").read_text())
    sent = summary["total"]["sent"]
    assert sent > 0.7 * SECONDS * RATE
    assert summary["total"]["versions"] == {config.digest: sent}
    assert summary["labels"] == {"accepted": sent, "sent": sent}
    assert counted.requests("2xx") == counted.requests() == counted.rows() == sent
    assert counted.connections() == sent  # a new one for each request
    assert counted.error_connections() == 0
    assert sum(counted.feedback().values()) == sent
