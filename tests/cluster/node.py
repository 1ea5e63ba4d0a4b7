"""The daemons of the boxed node: started in the order in which they need each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster import binaries, http_probe
from tests.cluster.addresses import Addresses
from tests.cluster.box import Box
from tests.cluster.containerd import Containerd
from tests.cluster.control_plane import controller_manager_flags, etcd_flags
from tests.cluster.kubectl import Kubectl, KubectlFailed
from tests.cluster.node_files import ETCD_PEER_PORT, ETCD_PORT, NODE_NAME, NodeFiles
from tests.cluster.processes import Daemon

READY_SECONDS = 120


@dataclass(frozen=True)
class Node:
    box: Box
    files: NodeFiles

    def start(self, *, audit: bool) -> None:
        """Start each daemon that does not run, and wait for those that the next ones need."""
        files = self.files
        etcd = self._start("etcd", *etcd_flags(files.state / "etcd", ETCD_PORT, ETCD_PEER_PORT))
        runtime = self._start("containerd", "--config", files.state / "containerd.toml")
        etcd.await_answer(lambda: self.box.listens(ETCD_PORT), READY_SECONDS)
        server = self._start("kube-apiserver", *files.apiserver(audit))
        runtime.await_answer(Containerd(self.box.enter).answers, READY_SECONDS)
        # Already now: it retries until the API server answers, and its own start takes a second.
        self._start("kubelet", *self._kubelet_flags())
        trust = http_probe.admin_context(files.pki)
        server.await_answer(lambda: http_probe.ok(f"{files.server}/readyz", trust), READY_SECONDS)
        self._start("kube-controller-manager", *self._controller_manager_flags())
        self._start("kube-scheduler", *self._scheduler_flags())
        self._start("kube-proxy", f"--config={files.state / 'proxy.json'}")

    def await_ready(self, kubectl: Kubectl) -> None:
        """Until pods can be created: the node is Ready and the default ServiceAccount exists."""
        ready = ("wait", "--for=condition=Ready", f"node/{NODE_NAME}", "--timeout=5s")
        account = ("get", "serviceaccount", "default", "--namespace=default")
        self._daemon("kubelet").await_answer(lambda: _succeeds(kubectl, *ready), READY_SECONDS)
        manager = self._daemon("kube-controller-manager")
        manager.await_answer(lambda: _succeeds(kubectl, *account), READY_SECONDS)

    def start_dns(self, kubectl: Kubectl) -> None:
        """CoreDNS beside the node's other daemons, behind the Service that pods are told to ask."""
        self._start("coredns", "-conf", self.files.state / "Corefile")
        kubectl.apply(*_dns_service(self.files.addresses), namespace="kube-system")

    def _daemon(self, name: str) -> Daemon:
        return Daemon(name, self.files.state)

    def _start(self, name: str, *arguments: str | Path) -> Daemon:
        """The program of that name that we built, or else the machine's."""
        built = (binaries.KUBERNETES.directory / name, binaries.COREDNS.directory / name)
        program = next((path for path in built if path.is_file()), Path(name))
        daemon = self._daemon(name)
        daemon.start(self.box.enter(program, *arguments))
        return daemon

    def _kubelet_flags(self) -> list[str]:
        state = self.files.state
        return [
            *(f"--config={state / 'kubelet.json'}", f"--kubeconfig={self.files.kubeconfig('kubelet')}"),
            *(f"--hostname-override={NODE_NAME}", f"--node-ip={self.files.addresses.node}"),
            *(f"--root-dir={state / 'kubelet'}", f"--cert-dir={self.files.pki.folder}"),
        ]

    def _controller_manager_flags(self) -> list[str]:
        addresses = self.files.addresses
        return [
            *controller_manager_flags(self.files.kubeconfig("manager"), self.files.pki),
            *("--allocate-node-cidrs=false", f"--cluster-cidr={addresses.pods}"),
            f"--service-cluster-ip-range={addresses.services}",
        ]

    def _scheduler_flags(self) -> list[str]:
        kubeconfig = self.files.kubeconfig("scheduler")
        return [
            *(f"--kubeconfig={kubeconfig}", f"--authentication-kubeconfig={kubeconfig}"),
            *(f"--authorization-kubeconfig={kubeconfig}", "--bind-address=127.0.0.1", "--leader-elect=false"),
            *("--kube-api-qps=300", "--kube-api-burst=500"),
        ]


def _succeeds(kubectl: Kubectl, *arguments: str) -> bool:
    try:
        kubectl(*arguments)
    except KubectlFailed:
        return False
    return True


def _dns_service(addresses: Addresses) -> list[dict[str, Any]]:
    """A Service without selector and its one endpoint: the process that listens on the node's address."""
    ports = [{"name": name, "port": 53, "protocol": p} for name, p in (("dns", "UDP"), ("dns-tcp", "TCP"))]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns"},
        "spec": {"clusterIP": addresses.dns_service, "ports": ports},
    }
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "kube-dns", "labels": {"kubernetes.io/service-name": "kube-dns"}},
        "addressType": "IPv4",
        "ports": ports,
        "endpoints": [{"addresses": [addresses.node], "conditions": {"ready": True}}],
    }
    return [service, endpoints]
