"""Record a rollout and draw it: python -m tests.timeline record | draw

A real API server with the real controllers, and the operator; pods are played, and 200 clients a second ask
what the EndpointSlices name. The second version is sound and takes over. The third answers every request with
a 500 from the moment on at which it has half of the traffic.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.cluster.cache import BUILD, CLONE
from tests.cluster.control_plane import ControlPlane
from tests.harness import lab as labs
from tests.harness.background import Background
from tests.harness.deployments import Deployments, plant, revision
from tests.harness.zygote import Zygote
from tests.registry import running_registry
from tests.timeline import picture
from tests.timeline.recording import Counted, Recorder, Recording

RECORD = Path(__file__).with_name("rollout.json")
PICTURE = CLONE / "docs" / "images" / "rollout.svg"
NAMESPACE = "timeline"
CLIENTS_PER_SECOND = 200.0
STEPS = (
    {"weight": 20},
    {"analyze": {"minSamples": 100, "maxDuration": "2m"}},
    {"weight": 50},
    {"pause": {"for": "10s"}},
)
EDITS = {
    "spec.serving.replicas": 4,
    "spec.rollout.analysis.metrics": [{"name": "errors", "preset": "errorRate"}],
}
QUIET_SECONDS = 4.0


def main() -> int:
    match sys.argv[1:]:
        case ["record"]:
            with _lab() as lab:
                recording = _record(lab)
            recording.write(RECORD)
        case ["draw"]:
            recording = Recording.read(RECORD)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    picture.draw(recording, PICTURE)
    return 0


def _record(lab: labs.Lab) -> Recording:
    lab.player.serving.rate = CLIENTS_PER_SECOND
    deployments = Deployments(lab)
    plant(lab.api, 1)
    deployments.create(*STEPS, edits=EDITS)
    lab.run_operator(scrapeSeconds=1.0)
    deployments.ready("flights-v1")
    with Recorder(deployments.get, lambda candidate: _counted(lab, candidate)) as recorder:
        time.sleep(QUIET_SECONDS)
        plant(lab.api, 2)
        deployments.until(lambda d: d["status"]["stable"]["modelVersion"] == "flights-v2", 120)
        deployments.ready("flights-v2")
        time.sleep(QUIET_SECONDS)
        plant(lab.api, 3)
        half = deployments.until(lambda d: d["status"].get("step", {}).get("index") == 3, 120)
        time.sleep(QUIET_SECONDS)
        lab.player.serving.fail_requests(revision(half, "candidate"))
        deployments.reason("CandidateRejected")
        time.sleep(QUIET_SECONDS)
    return recorder.recording


def _counted(lab: labs.Lab, candidate: str) -> Counted:
    everybody = lab.player.serving.servers()
    theirs = lab.player.serving.servers(candidate) if candidate else []
    return (
        (sum(s.connections for s in everybody), sum(s.connections for s in theirs)),
        (sum(s.failures for s in everybody), sum(s.failures for s in theirs)),
    )


@contextmanager
def _lab() -> Iterator[labs.Lab]:
    plane = ControlPlane(BUILD / "timeline")
    plane.down()  # of an interrupted run
    background = Background()
    with ExitStack() as stack:
        stack.callback(background.stop)
        stack.callback(plane.down)
        plane.up()
        plane.kubectl.apply_crds()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        registry = stack.enter_context(running_registry(folder / "registry"))
        zygote = stack.enter_context(Zygote())
        plane.kubectl("create", "namespace", NAMESPACE)
        opened = labs.opened(
            plane.kubeconfig, background, NAMESPACE, registry=registry, folder=folder, zygote=zygote
        )
        yield stack.enter_context(opened)


if __name__ == "__main__":
    sys.exit(main())
