"""Content hashes, atomic results and image archives."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cluster import oci_archive
from tests.cluster.cache import content_hash, filled_atomically
from tests.cluster.oci_archive import ImageName
from tests.cluster.progress import CannotContinue, duration


def test_equal_content_has_an_equal_hash_wherever_it_lies(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("content")
    assert content_hash([tmp_path / "one"]) == content_hash([tmp_path / "two"])


@pytest.mark.parametrize("change", ["content", "name", "mode", "word"])
def test_any_change_changes_the_hash(tmp_path: Path, change: str) -> None:
    file = tmp_path / "file"
    file.write_text("content")
    before = content_hash([tmp_path], "word")
    match change:
        case "content":
            file.write_text("other")
        case "name":
            file.rename(tmp_path / "renamed")
        case "mode":
            file.chmod(0o755)
    assert content_hash([tmp_path], "other" if change == "word" else "word") != before


def test_byte_code_does_not_count(tmp_path: Path) -> None:
    before = content_hash([tmp_path])
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "x.pyc").write_bytes(b"1")
    assert content_hash([tmp_path]) == before


def test_an_interrupted_fill_leaves_nothing_that_looks_complete(tmp_path: Path) -> None:
    target = tmp_path / "programs"
    with pytest.raises(KeyboardInterrupt), filled_atomically(target) as partial:
        (partial / "half").write_text("")
        raise KeyboardInterrupt
    assert not target.exists()
    with filled_atomically(target) as partial:
        (partial / "whole").write_text("")
    assert [path.name for path in target.iterdir()] == ["whole"]


def test_an_archive_tells_its_name_and_digest_and_is_reproducible(tmp_path: Path) -> None:
    archives = [tmp_path / name for name in ("one.tar", "two.tar")]
    for archive in archives:
        oci_archive.static_image(archive, "localhost/x:1", {"/etc/text": "hello"}, ["/x"])
    names = [oci_archive.read_name(archive) for archive in archives]
    assert names[0] == names[1]
    assert names[0].name == "localhost/x:1"


@pytest.mark.parametrize(
    ("name", "by_digest"),
    [
        ("localhost/x:1", "localhost/x@sha256:ab"),
        ("localhost:5000/x", "localhost:5000/x@sha256:ab"),
        ("localhost:5000/x:1", "localhost:5000/x@sha256:ab"),
    ],
)
def test_the_digest_replaces_the_tag_only(name: str, by_digest: str) -> None:
    assert ImageName(name, "sha256:ab").by_digest == by_digest


def test_what_is_no_image_is_refused_by_name(tmp_path: Path) -> None:
    other = tmp_path / "other.tar"
    other.write_bytes(b"\0" * 10240)
    with pytest.raises(CannotContinue, match=r"other\.tar is no OCI image archive"):
        oci_archive.read_name(other)


@pytest.mark.parametrize(("seconds", "text"), [(0.44, "0.4 s"), (59.4, "59 s"), (187, "3 min 07 s")])
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text
