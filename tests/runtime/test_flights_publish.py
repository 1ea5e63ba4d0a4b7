"""The flights example publishes to a real registry what an Experiment reads."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from tests.registry import LocalRegistry

from flights.data import SPLITS, csv_bytes
from flights.publish import main, publish
from flights.source import COLUMNS, Flight
from trimtab_runtime.contract.artifact import DATA_ARTIFACT, DATA_LAYER


def test_one_artifact_per_split_and_the_tag_moves_with_the_rows(
    registry: LocalRegistry, tmp_path: Path
) -> None:
    flight = Flight(datetime.date(2013, 1, 1), "key", tuple("1" for _ in COLUMNS))
    made = {part: [flight] for part in SPLITS}
    first = publish(registry.client, "moving", "current", made)
    assert publish(registry.client, "moving", "again", made) == first
    second = publish(registry.client, "moving", "current", made | {"train": [flight, flight]})
    assert {part for part in SPLITS if first[part] != second[part]} == {"train"}
    assert registry.client.resolve("moving/train", "current") == second["train"]
    manifest = registry.client.manifest("moving/train", second["train"])
    assert manifest.artifact_type == DATA_ARTIFACT
    registry.client.download("moving/train", manifest.layer(DATA_LAYER), tmp_path / "train.csv")
    assert (tmp_path / "train.csv").read_bytes() == csv_bytes([flight, flight])


def test_the_command_line_publishes_a_season(
    registry: LocalRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--registry", registry.host, "--plain-http", "--credentials", str(registry.credentials)]
    main([*place, "--prefix", "cli", "--tag", "winter", "--season", "winter"])
    printed = capsys.readouterr().out
    for part in SPLITS:
        digest = registry.client.resolve(f"cli/{part}", "winter")
        assert f"oci://{registry.host}/cli/{part}:winter is {digest}" in printed
