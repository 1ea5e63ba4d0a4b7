"""The control plane that all tests of this folder stand on."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.cluster.control_plane import ControlPlane


def test_serves_the_api_with_a_default_service_account(control_plane: ControlPlane, namespace: str) -> None:
    assert control_plane.kubectl.get("namespace", namespace)["status"]["phase"] == "Active"
    assert f'"name":"{namespace}"' in control_plane.audit_log.read_text()


def test_up_again_brings_a_dead_server_back_with_its_data(
    control_plane: ControlPlane, namespace: str
) -> None:
    control_plane.stop_apiserver()
    control_plane.up()
    assert control_plane.kubectl.get("namespace", namespace)["metadata"]["name"] == namespace


def test_two_run_side_by_side_and_down_leaves_nothing(control_plane: ControlPlane, tmp_path: Path) -> None:
    second = ControlPlane(tmp_path / "second")
    try:
        second.up()
        second.kubectl("create", "namespace", "only-in-the-second")
        names = {item["metadata"]["name"] for item in control_plane.kubectl.get("namespaces")["items"]}
        assert "only-in-the-second" not in names
    finally:
        second.down()
    assert not second.work_dir.exists()
    assert not _processes_that_mention(second.work_dir)


def _processes_that_mention(folder: Path) -> list[str]:
    command_lines = (_command_line(process) for process in Path("/proc").glob("[0-9]*"))
    return [line for line in command_lines if str(folder) in line]


def _command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_down_ends_what_runs_although_its_folder_was_deleted(tmp_path: Path) -> None:
    plane = ControlPlane(tmp_path / "deleted")
    plane.up()
    shutil.rmtree(plane.work_dir)
    plane.down()
    assert not _processes_that_mention(plane.work_dir)
