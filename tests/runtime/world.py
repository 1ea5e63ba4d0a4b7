"""A small, learnable data set with splits by day, published in a registry."""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.registry import LocalRegistry

from trimtab_runtime.contract.config import FetchTrial, PublishTrial
from trimtab_runtime.contract.data import SPLITS, DataContract, DataEntry, parse_data_contract
from trimtab_runtime.contract.trial import Objective, Trial
from trimtab_runtime.dataset.artifact import push_csv

CONTRACT = parse_data_contract(
    {
        "label": "late",
        "timeColumn": "time",
        "groupColumn": "day",
        "columns": {
            "carrier": {"type": "string", "categories": ["AA", "B6", "UA"]},
            "hour": {"type": "int", "range": {"min": "0", "max": "23"}},
            "temp": {"type": "double", "nullable": True},
        },
    }
)
TRIAL = Trial("flights", "flights-w", 1, 1, 7, Objective("logLoss", "minimize"))
UID = "0b9f3c1e-1111-2222-3333-444455556666"
DAYS = {
    "train": range(1, 9),
    "validation": range(9, 12),
    "reference": range(12, 19),
    "evaluation": range(19, 26),
}

Row = dict[str, str]


def rows(split: str, *, per_day: int = 60, seed: int = 1) -> list[Row]:
    """Rows of a split: late flights are likelier when it is cold and with B6."""
    chance = random.Random(f"{seed}/{split}")
    return [_row(chance, day, number) for day in DAYS[split] for number in range(per_day)]


def _row(chance: random.Random, day: int, number: int) -> Row:
    hour = number % 24
    temp, carrier = chance.gauss(40, 15), chance.choice(["AA", "B6", "UA"])
    late = chance.random() < 1 / (1 + math.exp((temp - 35) / 8 - (carrier == "B6")))
    return {
        "carrier": carrier,
        "hour": str(hour),
        "temp": "" if chance.random() < 0.02 else f"{temp:.2f}",
        "late": str(int(late)),
        "time": f"2013-01-{day:02d}T{hour:02d}:00:00Z",
        "day": f"2013-01-{day:02d}",
    }


Change = Callable[[list[Row]], None]


@dataclass
class World:
    """One test's data: change rows of a split before `entries` pushes them."""

    registry: LocalRegistry
    folder: Path
    name: str
    contract: DataContract = CONTRACT
    changes: dict[str, Change] = field(default_factory=dict)
    seed: int = 1

    def path(self, split: str) -> Path:
        """The CSV file of a split."""
        made = rows(split, seed=self.seed)
        if split in self.changes:
            self.changes[split](made)
        path = self.folder / f"{split}.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(made[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(made)
        return path

    def entries(self) -> tuple[DataEntry, ...]:
        repositories = {split: f"{self.name}/{split}" for split in SPLITS}
        return tuple(
            DataEntry(
                split, split, repository, push_csv(self.registry.client, repository, [self.path(split)])
            )
            for split, repository in repositories.items()
        )

    def fetch_trial(self) -> FetchTrial:
        parameters = {"leaves": "8"}
        return FetchTrial(self.registry.access, self.entries(), self.contract, TRIAL, parameters, 20)

    def publish_trial(self, fetched: FetchTrial) -> PublishTrial:
        return PublishTrial(
            registry=fetched.registry,
            repository=f"{self.name}/models",
            experiment_uid=UID,
            trial=fetched.trial,
            parameters=fetched.parameters,
            data=fetched.data,
            deadline_seconds=20,
            image="train@sha256:" + "1" * 64,
        )

    def with_contract(self, **changes: object) -> World:
        self.contract = replace(self.contract, **changes)  # type: ignore[arg-type]
        return self
