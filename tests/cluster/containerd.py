"""The images of a containerd, reached through a command that runs where it lives (the box, a kind node)."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.oci_archive import ImageName, read_name
from tests.cluster.processes import wait_until

CTR = ("ctr", "--namespace", "k8s.io", "images")
# Set by containerd's Kubernetes plugin once it knows the image; before that kubelet would try to pull it.
KNOWN_TO_KUBELET = "io.cri-containerd.image=managed"

Enter = Callable[..., Sequence[str]]
"""Turns a command into the one that runs it beside the containerd."""


@dataclass(frozen=True)
class Containerd:
    enter: Enter

    def answers(self) -> bool:
        return subprocess.run(self.enter("ctr", "version"), capture_output=True).returncode == 0

    def load(self, archive: Path, *, seen_as: str | None = None) -> ImageName:
        """Import the archive and register its image by digest too. Loaded already: nothing is done.

        seen_as: the archive's path as seen from the containerd, where that is another.
        """
        image = read_name(archive)
        if not self._holds(image):
            self._ctr("import", seen_as or str(archive))
            self._ctr("tag", "--force", image.name, image.by_digest)
            wait_until(lambda: self._holds(image), 30, f"kubelet to see {image.name}")
        return image

    def _holds(self, image: ImageName) -> bool:
        lines = [line.split() for line in self._ctr("list").splitlines()[1:]]
        known = {(words[0], words[2]) for words in lines if KNOWN_TO_KUBELET in words[-1].split(",")}
        return {(image.name, image.digest), (image.by_digest, image.digest)} <= known

    def _ctr(self, *arguments: str) -> str:
        done = subprocess.run(self.enter(*CTR, *arguments), capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"ctr images {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout
