"""A node for a thousand pods: kube-scheduler places them, KWOK says of each that it runs and is ready."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.cluster import binaries
from tests.cluster.control_plane import ControlPlane
from tests.cluster.processes import Daemon
from tests.harness import access
from tests.harness.api import Api, wait_until

from trimtab.model.kinds import Kind

NODE = Kind("", "v1", "Node", "nodes")
NAME = "kwok"
PODS = "5000"
STAGES = Path(__file__).with_name("stages.yaml")
# Room for more pods than the default has, and a Lease without which the node would be lost after 40 s.
LEASE = "--node-lease-duration-seconds=40"
NOWHERE = "10.64.0.0/16"


@contextlib.contextmanager
def played_node(plane: ControlPlane, cidr: str = NOWHERE) -> Iterator[None]:
    """The node is Ready inside. ``cidr``: the addresses of its pods."""
    scheduler = Daemon("kube-scheduler", plane.work_dir)
    kwok = Daemon("kwok", plane.work_dir)
    kubeconfig = f"--kubeconfig={plane.kubeconfig}"
    place = binaries.ensure(binaries.KUBERNETES) / "kube-scheduler"
    pace = ("--kube-api-qps=300", "--kube-api-burst=500")
    play = binaries.ensure(binaries.KWOK) / "kwok"
    try:
        scheduler.start([place, kubeconfig, "--leader-elect=false", "--secure-port=0", *pace])
        kwok.start(
            [play, kubeconfig, "--manage-all-nodes=true", f"--config={STAGES}", f"--cidr={cidr}", LEASE]
        )
        plane.kubectl.apply(_node())
        wait_until(lambda: _is_ready(plane), f"the node that KWOK plays to be ready; see {kwok.log}", 60)
        # Every new node gets it, and nothing takes it off one without a kubelet.
        plane.kubectl("taint", "nodes", NAME, "node.kubernetes.io/not-ready:NoSchedule-")
        yield
    finally:
        kwok.stop()
        scheduler.stop()


def _node() -> dict[str, object]:
    room = {"cpu": "1000", "memory": "4Ti", "pods": PODS}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": NAME, "labels": {"kubernetes.io/hostname": NAME}},
        "status": {"capacity": room, "allocatable": room},
    }


def _is_ready(plane: ControlPlane) -> bool:
    found = Api(access.of_kubeconfig(plane.kubeconfig), "default")._send("GET", f"/api/v1/nodes/{NAME}")
    conditions = {c["type"]: c["status"] for c in found.get("status", {}).get("conditions", ())}
    return conditions.get("Ready") == "True"
