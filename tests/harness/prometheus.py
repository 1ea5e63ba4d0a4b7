"""A real Prometheus that scrapes played model servers."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import requests
import yaml
from tests.cluster import prometheus
from tests.cluster.ports import free_port
from tests.cluster.processes import Daemon
from tests.harness.model_server import ModelServer

START_SECONDS = 20.0


@dataclass(frozen=True)
class LocalPrometheus:
    """`stop` and `start` make an outage. Series carry `namespace`, `pod` and `revision` of the pod they are
    from."""

    port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        (self.folder / "prometheus.yaml").write_text(
            yaml.safe_dump(
                {
                    "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"},
                    "scrape_configs": [
                        {
                            "job_name": "models",
                            "file_sd_configs": [
                                {"files": [str(self.folder / "targets.json")], "refresh_interval": "1s"}
                            ],
                        }
                    ],
                }
            )
        )
        command = [
            prometheus.ensure(),
            f"--config.file={self.folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        daemon = self._daemon()
        daemon.start(command)
        daemon.await_answer(self._answers, START_SECONDS)

    def stop(self) -> None:
        self._daemon().stop(grace_seconds=0)

    def scrape(self, servers: Iterable[ModelServer], *, jobs: int = 1) -> None:
        """These and no others from now on, each as often as there are `jobs`."""
        groups = [
            {"targets": [f"{s.address}:8080"], "labels": _labels(s, number)}
            for s in servers
            for number in range(jobs)
        ]
        partial = self.folder / "targets.partial"
        partial.write_text(json.dumps(groups))
        partial.rename(self.folder / "targets.json")

    def _daemon(self) -> Daemon:
        return Daemon("prometheus", self.folder)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/-/ready", timeout=2).status_code == 200
        except requests.RequestException:
            return False


def _labels(server: ModelServer, number: int) -> dict[str, str]:
    pod, job = server.pod, f"models-{number}"
    return {"namespace": pod["namespace"], "pod": pod["name"], "revision": server.revision, "job": job}


@contextlib.contextmanager
def prometheus_in(folder: Path) -> Iterator[LocalPrometheus]:
    """Not started yet; ended with the block, whatever became of it."""
    folder.mkdir(parents=True)
    made = LocalPrometheus(free_port(), folder)
    made.scrape(())
    try:
        yield made
    finally:
        made.stop()
