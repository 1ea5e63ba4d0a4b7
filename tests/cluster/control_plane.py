"""A real API server without nodes: etcd, kube-apiserver and kube-controller-manager as processes on loopback.

For tests that need API semantics but no pods. Several run side by side, each in its own work folder;
nothing here needs root.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import binaries, http_probe
from tests.cluster.kubectl import Kubectl
from tests.cluster.pki import Pki
from tests.cluster.ports import free_ports
from tests.cluster.processes import Daemon, StartFailed, command_lines, wait_until

ETCD, APISERVER, CONTROLLER_MANAGER = "etcd", "kube-apiserver", "kube-controller-manager"
SERVICE_CIDR = "10.96.0.0/16"
ATTEMPTS = 3
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


@dataclass(frozen=True)
class ControlPlane:
    """`up` is idempotent, also after some of the processes died; `down` ends and deletes everything.

    audit: write one JSON line per request (user agent, verb, object) to `audit_log`.
    apiserver_arguments: further flags of kube-apiserver.
    """

    work_dir: Path
    audit: bool = False
    apiserver_arguments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "work_dir", self.work_dir.resolve())

    @property
    def kubeconfig(self) -> Path:
        return self.work_dir / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        return self.work_dir / "audit.log"

    @property
    def kubectl(self) -> Kubectl:
        return Kubectl(self.kubeconfig)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._ports()['apiserver']}"

    def up(self) -> Path:
        """Start what does not run and wait until it answers. Returns the kubeconfig of a cluster admin."""
        programs = binaries.ensure(binaries.KUBERNETES)
        self.work_dir.mkdir(parents=True, exist_ok=True)
        self._make_certificates()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._start(programs)
                return self.kubeconfig
            except StartFailed as failure:
                # Somebody may have taken a port since it was chosen; data is kept, so only ports are new.
                if attempt == ATTEMPTS or "address already in use" not in str(failure):
                    raise
                self._stop()
                self._port_file.unlink()
        raise AssertionError("unreachable")

    def down(self) -> None:
        """Leave nothing: no process, no file."""
        self._stop()
        shutil.rmtree(self.work_dir, ignore_errors=True)

    def stop_apiserver(self, grace_seconds: float = 0.0) -> None:
        """Take the API server away, as in an outage; `up` brings it back with its address and data."""
        self._daemon(APISERVER).stop(grace_seconds)

    def _start(self, programs: Path) -> None:
        ports = self._ports()
        self._pki.kubeconfig("admin", self.url, self.kubeconfig)
        manager = self._pki.kubeconfig("manager", self.url, self.work_dir / "manager.kubeconfig")
        etcd, server, controllers = map(self._daemon, (ETCD, APISERVER, CONTROLLER_MANAGER))
        data = self.work_dir / "etcd"
        etcd.start([programs / ETCD, *etcd_flags(data, ports["etcd"], ports["etcd-peer"])])
        etcd.await_answer(lambda: http_probe.ok(f"http://127.0.0.1:{ports['etcd']}/health"), 30)
        server.start([programs / APISERVER, *self._apiserver_flags(ports)])
        trust = http_probe.admin_context(self._pki)
        server.await_answer(lambda: http_probe.ok(f"{self.url}/readyz", trust), 60)
        # Nodes are played, and nobody plays their heartbeat: this controller would call them dead.
        played = "--controllers=*,-node-lifecycle-controller"
        flags = [*controller_manager_flags(manager, self._pki), "--secure-port=0", played]
        controllers.start([programs / CONTROLLER_MANAGER, *flags])
        default_account = f"{self.url}/api/v1/namespaces/default/serviceaccounts/default"
        controllers.await_answer(lambda: http_probe.ok(default_account, trust), 60)

    def _stop(self) -> None:
        for name in (CONTROLLER_MANAGER, APISERVER, ETCD):
            self._daemon(name).stop(grace_seconds=0)
        for pid in self._unrecorded():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self._unrecorded(), 10, "the processes of a deleted folder to end")

    def _unrecorded(self) -> list[int]:
        """Ours by program and folder, but without a record: somebody deleted the folder under them."""
        return [
            pid
            for pid, words in command_lines()
            if Path(words[0]).name in (CONTROLLER_MANAGER, APISERVER, ETCD)
            and any(f"{self.work_dir}/" in word for word in words[1:])
        ]

    def _daemon(self, name: str) -> Daemon:
        return Daemon(name, self.work_dir)

    @property
    def _pki(self) -> Pki:
        return Pki(self.work_dir / "pki")

    @property
    def _port_file(self) -> Path:
        return self.work_dir / "ports.json"

    def _ports(self) -> dict[str, int]:
        if not self._port_file.is_file():
            names = ("etcd", "etcd-peer", "apiserver")
            self._port_file.write_text(json.dumps(dict(zip(names, free_ports(len(names)), strict=True))))
        ports: dict[str, int] = json.loads(self._port_file.read_text())
        return ports

    def _make_certificates(self) -> None:
        self._pki.authority("ca", "kubernetes-ca")
        self._pki.service_account_keys()
        names = ("DNS:localhost", "DNS:kubernetes", "DNS:kubernetes.default.svc", "IP:127.0.0.1")
        self._pki.issue("apiserver", "kube-apiserver", use="server", names=names)
        self._pki.issue("admin", "kubernetes-admin", use="client", organization="system:masters")
        self._pki.issue("manager", "system:kube-controller-manager", use="client")

    def _apiserver_flags(self, ports: dict[str, int]) -> list[str]:
        flags = apiserver_flags(self._pki, f"http://127.0.0.1:{ports['etcd']}", "127.0.0.1", SERVICE_CIDR)
        flags += [f"--secure-port={ports['apiserver']}", "--authorization-mode=RBAC"]
        # Loopback may not be an endpoint of the `kubernetes` Service; nothing here uses that Service.
        flags += ["--endpoint-reconciler-type=none"]
        if self.audit:
            flags += audit_flags(self.work_dir / "audit-policy.json", self.audit_log)
        return [*flags, *self.apiserver_arguments]


def etcd_flags(data: Path, client_port: int, peer_port: int) -> list[str]:
    client, peer = f"http://127.0.0.1:{client_port}", f"http://127.0.0.1:{peer_port}"
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    return [
        *(f"--data-dir={data}", f"--listen-client-urls={client}", f"--advertise-client-urls={client}"),
        *(
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
        ),
        # A test cluster need not survive a power cut; fsync would make every write wait for the disk.
        *("--unsafe-no-fsync", "--log-level=warn", "--logger=zap"),
    ]


def apiserver_flags(pki: Pki, etcd: str, address: str, service_cidr: str) -> list[str]:
    """The flags that a control plane alone and one with a node share."""
    return [
        *(f"--etcd-servers={etcd}", f"--bind-address={address}", f"--advertise-address={address}"),
        *("--allow-privileged=true", f"--service-cluster-ip-range={service_cidr}"),
        *(f"--client-ca-file={pki.certificate('ca')}", f"--cert-dir={pki.folder}"),
        f"--tls-cert-file={pki.certificate('apiserver')}",
        f"--tls-private-key-file={pki.key('apiserver')}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki.certificate('sa')}",
        f"--service-account-signing-key-file={pki.key('sa')}",
    ]


def controller_manager_flags(kubeconfig: Path, pki: Pki) -> list[str]:
    return [
        *(f"--kubeconfig={kubeconfig}", f"--authentication-kubeconfig={kubeconfig}"),
        *(f"--authorization-kubeconfig={kubeconfig}", "--bind-address=127.0.0.1", "--leader-elect=false"),
        # The defaults (20 requests per second) make a burst of Jobs wait on the client, not on the server.
        *("--kube-api-qps=300", "--kube-api-burst=500", "--use-service-account-credentials=true"),
        f"--service-account-private-key-file={pki.key('sa')}",
        f"--root-ca-file={pki.certificate('ca')}",
        f"--cluster-signing-cert-file={pki.certificate('ca')}",
        f"--cluster-signing-key-file={pki.key('ca')}",
    ]


def audit_flags(policy: Path, log: Path) -> list[str]:
    policy.write_text(json.dumps(AUDIT_POLICY))
    # By default the server begins a new file after 100 MB, and whoever reads this one sees nothing more.
    return [f"--audit-policy-file={policy}", f"--audit-log-path={log}", "--audit-log-maxsize=100000"]
