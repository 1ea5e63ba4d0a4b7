"""kill -9 of the operator: of its process, as an out-of-memory kill does, not of its pod.

`kubectl delete --force` would not do: the kubelet sends SIGTERM first, and the operator would end in order.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from tests import installation
from tests.cluster.kubectl import Kubectl
from tests.cluster.processes import wait_until
from tests.e2e.pods import processes_of
from tests.e2e.serving import Served
from tests.objects import Object

SELECTOR = f"--selector=app.kubernetes.io/instance={installation.RELEASE}"
WHERE = ("--namespace", installation.NAMESPACE)
START_SECONDS = 120


@dataclass(frozen=True)
class OperatorProcess:
    """The process of the operator's container, as this machine sees it; the nodes must run here."""

    kubectl: Kubectl
    pod: str
    pid: int

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def replace(self) -> None:
        """A new pod instead of a restart of the container, which is put off longer after each kill."""
        self.kubectl("delete", "pod", self.pod, *WHERE, "--force", "--grace-period=0")


def operator_process(kubectl: Kubectl) -> OperatorProcess:
    """The one operator, once it runs."""
    found: list[OperatorProcess] = []

    def runs() -> bool:
        found[:] = _running(kubectl)
        return len(found) == 1

    wait_until(runs, START_SECONDS, "one operator to run")
    return found[0]


def _running(kubectl: Kubectl) -> list[OperatorProcess]:
    pods = kubectl.get("pods", SELECTOR, *WHERE)["items"]
    found = []
    for pod in pods:
        if "deletionTimestamp" not in pod["metadata"]:
            found += [OperatorProcess(kubectl, pod["metadata"]["name"], pid) for pid in processes_of(pod)]
    return found


def kill_while(served: Served, state: str, holds: Callable[[Object], bool]) -> None:
    """kill -9 of the operator while `holds`: checked, for nobody writes until the next one leads."""
    assert killed_while(served, state, holds), f"{state} was over before the operator was dead"


def killed_while(
    served: Served, state: str, holds: Callable[[Object], bool], *, cause: Callable[[], object] | None = None
) -> bool:
    """The same for a short state: False if it was over before the operator was dead.

    ``cause`` brings the state about; it is called, in a thread, once the Deployment is watched.
    """
    process = operator_process(served.world.kubectl)
    with ThreadPoolExecutor(1) as beside:
        begun: list[Future[object]] = []

        def is_reached(deployment: Object) -> bool:
            if cause is not None and not begun:
                begun.append(beside.submit(cause))
            return holds(deployment)

        served.until(is_reached, state)
        process.kill()
    for cause_of_it in begun:
        cause_of_it.result()
    left = served.get()
    process.replace()
    return holds(left)
