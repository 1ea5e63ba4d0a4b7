"""Configuration of the boxed node's programs: JSON files, which each of them reads as YAML, and flags."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.addresses import Addresses
from tests.cluster.control_plane import apiserver_flags, audit_flags
from tests.cluster.pki import Pki

NODE_NAME = "node"
PAUSE_IMAGE = "localhost/trimtab-pause:1"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"  # in the box, whose /run is its own
ETCD_PORT, ETCD_PEER_PORT, API_PORT = 2379, 2380, 6443
CLIENTS = {
    "admin": ("kubernetes-admin", "system:masters"),
    "manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    # The bootstrap policy binds this user to what kube-proxy needs.
    "proxy": ("system:kube-proxy", ""),
}


@dataclass(frozen=True)
class NodeFiles:
    state: Path
    addresses: Addresses

    @property
    def pki(self) -> Pki:
        return Pki(self.state / "pki")

    @property
    def server(self) -> str:
        return f"https://{self.addresses.node}:{API_PORT}"

    def kubeconfig(self, name: str) -> Path:
        return self.state / "kubeconfig" / name

    def write(self) -> None:
        """Certificates, kubeconfigs and configuration; what exists is kept or rewritten equal."""
        self._issue_certificates()
        for name in (*CLIENTS, "kubelet"):
            self.pki.kubeconfig(name, self.server, self.kubeconfig(name))
        self._json("kubelet.json", self._kubelet())
        self._json("proxy.json", self._proxy())
        self._json("cni/10-pods.conflist", self._pod_network())
        (self.state / "containerd.toml").write_text(self._containerd())
        (self.state / "Corefile").write_text(self._corefile())

    def apiserver(self, audit: bool) -> list[str]:
        pki, etcd = self.pki, f"http://127.0.0.1:{ETCD_PORT}"
        flags = apiserver_flags(pki, etcd, self.addresses.node, self.addresses.services)
        if audit:
            flags += audit_flags(self.state / "audit-policy.json", self.state / "audit.log")
        return [
            *flags,
            *(f"--secure-port={API_PORT}", "--authorization-mode=Node,RBAC"),
            *("--enable-admission-plugins=NodeRestriction", "--kubelet-preferred-address-types=InternalIP"),
            f"--kubelet-client-certificate={pki.certificate('apiserver-kubelet')}",
            f"--kubelet-client-key={pki.key('apiserver-kubelet')}",
            f"--kubelet-certificate-authority={pki.certificate('ca')}",
            # The aggregation layer; extension API servers (metrics) verify these.
            f"--requestheader-client-ca-file={pki.certificate('front-proxy-ca')}",
            *("--requestheader-allowed-names=front-proxy", "--requestheader-group-headers=X-Remote-Group"),
            *("--requestheader-extra-headers-prefix=X-Remote-Extra-",),
            *("--requestheader-username-headers=X-Remote-User",),
            f"--proxy-client-cert-file={pki.certificate('front-proxy')}",
            f"--proxy-client-key-file={pki.key('front-proxy')}",
        ]

    def _issue_certificates(self) -> None:
        pki, addresses = self.pki, self.addresses
        pki.authority("ca", "kubernetes-ca")
        pki.authority("front-proxy-ca", "front-proxy-ca")
        pki.service_account_keys()
        service = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]
        names = [f"DNS:{name}" for name in (*service, "kubernetes.default.svc.cluster.local", "localhost")]
        names += [f"IP:{address}" for address in ("127.0.0.1", addresses.node, addresses.api_service)]
        pki.issue("apiserver", "kube-apiserver", use="server", names=names)
        for name, (common_name, organization) in CLIENTS.items():
            pki.issue(name, common_name, use="client", organization=organization)
        pki.issue("apiserver-kubelet", "kube-apiserver", use="client", organization="system:masters")
        pki.issue("front-proxy", "front-proxy", use="client", authority="front-proxy-ca")
        kubelet_names = (f"DNS:{NODE_NAME}", f"IP:{addresses.node}")
        node_user = f"system:node:{NODE_NAME}"
        pki.issue("kubelet", node_user, use="both", organization="system:nodes", names=kubelet_names)

    def _json(self, name: str, document: dict[str, Any]) -> None:
        target = self.state / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(document, indent=1) + "\n")

    def _kubelet(self) -> dict[str, Any]:
        enough = {"memory.available": "100Mi"}
        enough |= dict.fromkeys(("nodefs.available", "nodefs.inodesFree", "imagefs.available"), "1%")
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self.addresses.node,
            "healthzBindAddress": "127.0.0.1",
            "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.addresses.cgroup}",
            "cgroupsPerQOS": True,
            "enforceNodeAllocatable": ["pods"],
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(self.pki.certificate("ca"))},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(self.pki.certificate("kubelet")),
            "tlsPrivateKeyFile": str(self.pki.key("kubelet")),
            "clusterDomain": "cluster.local",
            "clusterDNS": [self.addresses.dns_service],
            "resolvConf": "",
            # Loaded images cannot be pulled again, so a full disk must not delete them.
            "imageGCHighThresholdPercent": 100,
            "evictionHard": enough,
            "volumePluginDir": str(self.state / "kubelet" / "volume-plugins"),
            # Fast starts: a node that reports every second, a client that does not queue behind itself.
            "nodeStatusUpdateFrequency": "1s",
            "nodeStatusReportFrequency": "1m",
            "kubeAPIQPS": 100,
            "kubeAPIBurst": 200,
            "eventRecordQPS": 0,
            "serializeImagePulls": False,
        }

    def _proxy(self) -> dict[str, Any]:
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clusterCIDR": self.addresses.pods,
            "hostnameOverride": NODE_NAME,
            "bindAddress": self.addresses.node,
            "healthzBindAddress": "127.0.0.1:10256",
            "metricsBindAddress": "127.0.0.1:10249",
            "clientConnection": {"kubeconfig": str(self.kubeconfig("proxy"))},
            "conntrack": {"maxPerCore": 0},
            "iptables": {"minSyncPeriod": "100ms", "syncPeriod": "30s"},
        }

    def _pod_network(self) -> dict[str, Any]:
        ranges = [[{"subnet": self.addresses.pods}]]
        ipam = {
            "type": "host-local",
            "dataDir": str(self.state / "cni" / "addresses"),
            "ranges": ranges,
            "routes": [{"dst": "0.0.0.0/0"}],
        }
        bridge = {"type": "bridge", "bridge": "pods0", "isGateway": True, "ipMasq": False}
        plugins = [
            {**bridge, "hairpinMode": True, "ipam": ipam},
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ]
        return {"cniVersion": "0.4.0", "name": "pods", "plugins": plugins}

    def _containerd(self) -> str:
        snapshotters = [f"snapshotter.v1.{name}" for name in ("aufs", "btrfs", "devmapper", "zfs")]
        unused = [*snapshotters, "tracing.processor.v1.otlp", "internal.v1.tracing"]
        cri = 'plugins."io.containerd.grpc.v1.cri"'
        return f"""\
version = 2
root = "{self.state}/containerd"
state = "/run/containerd"
disabled_plugins = {json.dumps([f"io.containerd.{name}" for name in unused])}
[grpc]
  address = "{CONTAINERD_SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{self.state}/containerd-opt"
[{cri}]
  sandbox_image = "{PAUSE_IMAGE}"
  disable_tcp_service = true
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  [{cri}.cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{self.state}/cni"
  [{cri}.containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [{cri}.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [{cri}.containerd.runtimes.runc.options]
        SystemdCgroup = false
"""

    def _corefile(self) -> str:
        return f"""\
.:53 {{
  bind {self.addresses.node}
  errors
  kubernetes cluster.local in-addr.arpa {{
    kubeconfig {self.kubeconfig("admin")} trimtab
  }}
  cache 5
}}
"""
