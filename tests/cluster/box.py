"""The box of one node: its own mount, network and PID namespaces, held by one `pause` process.

Nothing in the box has a default route, so nothing leaves it; ending the pause process ends everything in it,
and the kernel takes mounts and network away with it. The host keeps three things that `down` removes by name:
one link (with its routes), one cgroup per hierarchy, and two mount points.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.addresses import Addresses, taken_networks, unused
from tests.cluster.processes import CLEAN_ENVIRONMENT, command_lines, wait_until

# Folders that kubelet, containerd and CNI plugins have compiled in. /run and /var/log are replaced whole.
MOUNT_POINTS = (Path("/var/lib/kubelet"), Path("/var/lib/cni"))
# What kubelet would set on the whole machine. In the box these files are covered by copies that already hold
# its values, so it finds nothing to change and the machine's settings stay what they are.
KUBELET_SYSCTLS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


@dataclass(frozen=True)
class Box:
    state: Path

    @property
    def pause(self) -> Path:
        """A copy of its own per box: this path in a command line says whose process it is."""
        return self.state / "pause"

    @property
    def _marker(self) -> Path:
        return self.state / "box.json"

    def addresses(self) -> Addresses | None:
        """Of the complete, living box; None when there is none."""
        try:
            record = json.loads(self._marker.read_text())
        except FileNotFoundError:
            return None
        return Addresses(record["slot"]) if record["anchor"] == self.anchor() else None

    def anchor(self) -> int | None:
        """Host pid of the pause process that holds the namespaces."""
        found = [pid for pid, words in self._processes() if words[0] == str(self.pause)]
        return found[0] if found else None

    def enter(self, *command: str | Path) -> list[str]:
        """The command that runs `command` in the box. (`ip netns exec` would hide /sys/fs/cgroup.)"""
        return ["nsenter", "-t", str(self.anchor()), "-m", "-n", "-p", "--", *map(str, command)]

    def run(self, *command: str | Path) -> str:
        return _run(self.enter(*command))

    def listens(self, port: int) -> bool:
        """Whether a process of the box accepts TCP connections (IPv4) at `port`."""
        table = Path(f"/proc/{self.anchor()}/net/tcp").read_text().splitlines()[1:]
        sockets = (line.split() for line in table)
        return any(int(s[1].partition(":")[2], 16) == port and s[3] == "0A" for s in sockets)

    def up(self, pause_program: Path) -> Addresses:
        """Make the box anew. The caller has made sure that no older one is left."""
        self.state.mkdir(parents=True, exist_ok=True)
        shutil.copy(pause_program, self.pause)
        anchor = self._start_anchor()
        self._mount()
        addresses = self._claim_network(anchor)
        self._plug_in(addresses)
        _make_cgroups(addresses.cgroup)
        self._marker.write_text(json.dumps({"slot": addresses.slot, "anchor": anchor}))
        return addresses

    def down(self) -> None:
        """End every process of the box and remove what it left on the host, also after an incomplete `up`."""
        slot = self._recorded_slot()
        for pid, _ in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not list(self._processes()), 30, "the box to end")
        wait_until(lambda: not list(self._entrants()), 30, "what entered the box to end")
        if slot is not None:
            self._remove_traces(Addresses(slot))
        if not any(Path("/sys/class/net").glob("trimtab*")):
            _remove_mount_points(self._made_mount_points())

    def _processes(self) -> Iterator[tuple[int, list[str]]]:
        """The anchor and the `unshare` that waits for it."""
        for pid, words in command_lines():
            if str(self.pause) in words and words[0] in (str(self.pause), "unshare"):
                yield pid, words

    def _entrants(self) -> Iterator[int]:
        """The `nsenter` of each daemon: outside of the box's process namespace, it ends after its daemon."""
        for pid, words in command_lines():
            if Path(words[0]).name == "nsenter" and any(f"{self.state}/" in word for word in words):
                yield pid

    def _start_anchor(self) -> int:
        namespaces = ["--mount", "--propagation", "private", "--net", "--pid", "--mount-proc"]
        subprocess.Popen(
            ["unshare", *namespaces, "--fork", "--kill-child=SIGKILL", str(self.pause)],
            env=CLEAN_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(lambda: self.anchor() is not None, 10, "the box's first process")
        anchor = self.anchor()
        assert anchor is not None
        return anchor

    def _mount(self) -> None:
        self.run("mount", "--make-rshared", "/")
        self.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
        made = [point for point in MOUNT_POINTS if not point.exists()]
        (self.state / "mount-points.json").write_text(json.dumps([str(point) for point in made]))
        for point in (*MOUNT_POINTS, Path("/var/log")):
            own = self.state / "box" / point.relative_to("/")
            own.mkdir(parents=True, exist_ok=True)
            point.mkdir(parents=True, exist_ok=True)
            self.run("mount", "--bind", own, point)
        for name, value in KUBELET_SYSCTLS.items():
            if not Path("/proc/sys", name).exists():
                continue  # a kernel without key rings
            cover = self.state / "box" / "sysctl" / name
            cover.parent.mkdir(parents=True, exist_ok=True)
            cover.write_text(value + "\n")
            self.run("mount", "--bind", cover, f"/proc/sys/{name}")

    def _claim_network(self, anchor: int) -> Addresses:
        """Take the first free slot; creating its link is atomic, so a racing clone gets another."""
        for addresses in unused(taken_networks()):
            (self.state / "slot").write_text(str(addresses.slot))
            cable = ["ip", "link", "add", addresses.link, "type", "veth", "peer", "name", "eth0"]
            done = subprocess.run([*cable, "netns", str(anchor)], capture_output=True, text=True)
            if done.returncode == 0:
                return addresses
            (self.state / "slot").unlink()
            if "File exists" not in done.stderr:
                raise RuntimeError(f"could not create the link {addresses.link}: {done.stderr.strip()}")
        raise RuntimeError("no free network: 10.250.0.0/19, 10.244.0.0/19 and 10.96.0.0/11 are in use")

    def _plug_in(self, addresses: Addresses) -> None:
        link = addresses.link
        _run(["ip", "addr", "add", f"{addresses.host}/24", "dev", link])
        _run(["ip", "link", "set", link, "up"])
        for arguments in (
            ("link", "set", "lo", "up"),
            ("addr", "add", f"{addresses.node}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "add", "pods0", "type", "bridge"),
            ("addr", "add", f"{addresses.pod_gateway}/24", "dev", "pods0"),
            ("link", "set", "pods0", "up"),
            # Service addresses are rewritten before routing, but without a route they would be refused first.
            ("route", "add", addresses.services, "dev", "pods0", "src", addresses.node),
        ):
            self.run("ip", *arguments)
        for network in (addresses.pods, addresses.services):
            _run(["ip", "route", "replace", network, "via", addresses.node, "dev", link])

    def _recorded_slot(self) -> int | None:
        record = self.state / "slot"
        return int(record.read_text()) if record.is_file() and record.read_text() else None

    def _remove_traces(self, addresses: Addresses) -> None:
        link = Path("/sys/class/net") / addresses.link

        def link_gone() -> bool:
            if link.exists():
                subprocess.run(["ip", "link", "delete", addresses.link], capture_output=True)
            return not link.exists()

        wait_until(link_gone, 20, f"the link {addresses.link} to go")
        wait_until(lambda: _remove_cgroups(addresses.cgroup), 20, f"cgroups {addresses.cgroup} to empty")

    def _made_mount_points(self) -> list[Path]:
        record = self.state / "mount-points.json"
        return [Path(text) for text in json.loads(record.read_text())] if record.is_file() else []


def _remove_mount_points(points: list[Path]) -> None:
    # Only empty folders, and only when no other box may still use them: removing a folder would unmount
    # what another namespace has mounted on it.
    for point in points:
        with contextlib.suppress(OSError):
            point.rmdir()


def _cgroup_mounts() -> list[tuple[Path, str, str]]:
    """(mount point, type, options) of each cgroup hierarchy: one on version 2, several on version 1."""
    lines = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    return [(Path(w[1]), w[2], w[3]) for w in lines if w[2] in ("cgroup", "cgroup2")]


def _make_cgroups(name: str) -> None:
    """One per hierarchy; in that of the CPU with the weight of ten processes, as the box is full of them."""
    mounts = _cgroup_mounts()
    unified = all(kind == "cgroup2" for _, kind, _ in mounts)
    for mount, kind, options in mounts:
        (mount / name).mkdir(exist_ok=True)
        if "cpuset" in options.split(","):
            # Version 1: a new cpuset is empty, and nothing may enter it until it is filled.
            for file in ("cpuset.cpus", "cpuset.mems"):
                (mount / name / file).write_text((mount / file).read_text())
        if "cpu" in options.split(","):
            (mount / name / "cpu.shares").write_text(str(10 * 1024))
        if kind == "cgroup2" and unified:
            controllers = " ".join(f"+{c}" for c in (mount / "cgroup.controllers").read_text().split())
            (mount / "cgroup.subtree_control").write_text(controllers)
            (mount / name / "cgroup.subtree_control").write_text(controllers)
            if "cpu" in controllers.replace("+", "").split():
                (mount / name / "cpu.weight").write_text("1000")


def _remove_cgroups(name: str) -> bool:
    """Remove from the leaves up; False while the kernel still holds some."""
    for mount, _, _ in _cgroup_mounts():
        for folder, _, _ in os.walk(mount / name, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
    time.sleep(0.02)
    return not any((mount / name).exists() for mount, _, _ in _cgroup_mounts())


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=CLEAN_ENVIRONMENT)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
