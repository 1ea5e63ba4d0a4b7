"""The operator as a process: start, probes, election, signals, logs."""

from __future__ import annotations

import json
import subprocess
import sys
import time

from tests.harness.api import EXPERIMENT, JOB, LEASE, MODEL_VERSION, phase, wait_until
from tests.harness.lab import SINGLE, Lab
from tests.harness.plays import Run, Succeed

LEASE_SECONDS = 15


def holder(lab: Lab) -> str:
    lease = lab.api.find(LEASE, "trimtab")
    return str(lease["spec"].get("holderIdentity") or "") if lease else ""


def test_probes_and_metrics_of_a_leader(lab: Lab) -> None:
    operator = lab.operator().start().wait_leading()
    assert operator.probe("/healthz") == 200
    lab.run_experiment(edits=SINGLE)
    page = operator.page("/metrics")
    assert 'trimtab_reconcile_seconds_count{kind="Experiment",outcome="written"}' in page
    assert 'trimtab_api_requests_total{code="201",resource="jobs",verb="POST"} 2.0' in page
    assert "trimtab_queue_depth 0.0" in page


def test_logs_are_json_and_name_the_object(lab: Lab) -> None:
    operator = lab.operator().start().wait_leading()
    lab.run_experiment(edits={"spec.data[0].uri": f"oci://{lab.registry.host}/flights/nothing:here"})
    theirs = {"spec": {"suspend": True}, "metadata": {"name": "taken-t1-a1"}}
    template = {
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "registry.example/c:1"}]}
    }
    lab.api.create(JOB, {**theirs, "apiVersion": "batch/v1", "kind": "Job", "spec": {"template": template}})
    lab.create(lab.experiment("taken", SINGLE))
    lab.wait_reason("NameConflict", "taken")
    operator.terminate()
    lines = operator.logs()
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    told = {line["object"] for line in lines if line.get("reason") == "NameConflict"}
    assert told == {f"Experiment {lab.api.namespace}/taken"}
    assert not [line for line in lines if "exception" in line or line["level"] in ("ERROR", "CRITICAL")]


def test_sigterm_ends_it_cleanly_and_gives_the_lease_up(lab: Lab) -> None:
    operator = lab.operator().start().wait_leading()
    lab.player.play("flights-t1-a1", Run())
    lab.create(lab.experiment(edits=SINGLE))
    lab.api.wait(JOB, "flights-t1-a1", lambda j: True)
    assert holder(lab)
    began = time.monotonic()
    assert operator.terminate() == 0
    assert time.monotonic() - began < 8
    assert holder(lab) == ""


def test_a_standby_is_ready_and_takes_over_at_once_when_the_leader_is_told_to_go(lab: Lab) -> None:
    leader = lab.run_operator(identity="first")
    standby = lab.operator(identity="second").start().wait_ready()
    assert "\ntrimtab_leader 0.0" in standby.page("/metrics")
    assert holder(lab) == "first"
    leader.terminate()
    began = time.monotonic()
    standby.wait_leading()
    assert time.monotonic() - began < LEASE_SECONDS / 2
    assert holder(lab) == "second"
    assert phase(lab.run_experiment(edits=SINGLE)) == "Succeeded"


def test_a_standby_takes_over_when_the_leader_is_killed(lab: Lab) -> None:
    """The Lease has to expire: 15 s, and one retry of 2 s."""
    leader = lab.run_operator(identity="first")
    standby = lab.operator(identity="second").start().wait_ready()
    lab.player.play("flights-t1-a1", Run())
    lab.create(lab.experiment(edits=SINGLE))
    lab.api.wait(EXPERIMENT, "flights", lambda e: e.get("status", {}).get("trials"))
    leader.kill()
    lab.player.play("flights-t1-a1", Succeed())
    standby.wait_leading()
    assert phase(lab.ended()) == "Succeeded"
    lab.api.wait(MODEL_VERSION, "flights-v1", lambda v: phase(v) == "Approved")
    assert len(lab.api.list(JOB)) == 2


def test_a_standby_ends_cleanly_too(lab: Lab) -> None:
    lab.run_operator(identity="first")
    standby = lab.operator(identity="second").start().wait_ready()
    assert standby.terminate() == 0
    assert holder(lab) == "first"


def test_a_leader_that_lost_the_server_is_gone_ten_seconds_after_its_last_renewal(lab: Lab) -> None:
    leader = lab.operator().start().wait_leading()
    lab.proxy.__exit__()
    code = leader.wait_ended(20)
    assert code != 0, "the kubelet must see that it did not end by itself"
    lab.proxy.__enter__()


def test_a_wrong_configuration_names_its_field(lab: Lab) -> None:
    operator = lab.operator(probePort=70_000)
    done = subprocess.run(
        [sys.executable, "-m", "trimtab", "run", "--config", operator.config], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "probePort" in done.stderr and "65535" in done.stderr


def test_a_restart_with_finished_objects_writes_nothing_but_recent_events_again(lab: Lab) -> None:
    """And those exist: the server answers 409 to every one."""
    lab.run_operator()
    for name in ("one", "two"):
        lab.create(lab.experiment(name, SINGLE))
    for name in ("one", "two"):
        assert phase(lab.ended(name)) == "Succeeded"
    for version in ("flights-v1", "flights-v2"):
        lab.api.wait(MODEL_VERSION, version, lambda v: phase(v) == "Approved")
    wait_until(lambda: lab.operators[-1].page("/metrics").count("trimtab_queue_depth 0.0"), "an empty queue")
    assert lab.operators[-1].terminate() is not None
    written = len(lab.proxy.writes)
    lab.run_operator()
    wait_until(lambda: len(lab.proxy.writes) >= written + 12, "the Events of the last ten minutes")
    assert {json.loads(w.body)["kind"] for w in lab.proxy.writes[written:]} == {"Event"}
    assert {w.status for w in lab.proxy.writes[written:]} == {409}
