"""Daemons are told apart from strangers, and end."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.cluster.processes import Daemon, StartFailed


def test_start_is_idempotent_and_stop_ends_it(tmp_path: Path) -> None:
    daemon = Daemon("sleeper", tmp_path)
    pid = daemon.start(["sleep", "60"])
    try:
        assert daemon.start(["sleep", "60"]) == pid == daemon.pid()
    finally:
        daemon.stop()
    assert daemon.pid() is None
    assert not Path(f"/proc/{pid}").exists()


def test_a_process_that_got_the_recorded_pid_later_is_left_alone(tmp_path: Path) -> None:
    daemon = Daemon("stranger", tmp_path)
    daemon.record.parent.mkdir(parents=True)
    daemon.record.write_text(json.dumps({"pid": os.getpid(), "startTicks": 1}))
    assert daemon.pid() is None
    daemon.stop()  # would end this test run otherwise


def test_a_half_written_record_means_not_running(tmp_path: Path) -> None:
    daemon = Daemon("broken", tmp_path)
    daemon.record.parent.mkdir(parents=True)
    daemon.record.write_text('{"pid": 1')
    assert daemon.pid() is None


def test_one_that_ends_at_once_fails_with_the_end_of_its_log(tmp_path: Path) -> None:
    daemon = Daemon("failing", tmp_path)
    daemon.start(["sh", "-c", "echo no such thing; exit 3"])
    with pytest.raises(StartFailed, match="no such thing"):
        daemon.await_answer(lambda: False, 5)
