"""What clients send and what turns out: the world that a drift monitor looks at, as a few shares.

A model that is trained in a world has that world as its reference, exactly; what pods answer is drawn from
the world of now. The model gives each row a score; while it is right, that is the chance of the label.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from trimtab_runtime.contract.profile import CategoricalFeature, NumericFeature, Profile, ScoreReference

FEATURES = ("carrier", "temp")
ROWS = 4000
COLD = (0.05, 0.15, 0.2, 0.2, 0.15, 0.1, 0.1, 0.05)
WARM = (0.02, 0.03, 0.05, 0.1, 0.1, 0.2, 0.25, 0.25)
CARRIERS = {"AA": 0.5, "DL": 0.2, "UA": 0.3}
CELLS = 10  # of the scores


@dataclass(frozen=True)
class World:
    """`temp`: shares of eight cells of ten degrees. `right`: whether scores are still the chance of a label.
    `missing`: share of rows without a temperature. `labels`: share of rows whose label comes back."""

    temp: Sequence[float] = COLD
    right: bool = True
    missing: float = 0.0
    labels: float = 1.0


WINTER = World()
SUMMER = World(temp=WARM)
SUMMER_MISJUDGED = World(temp=WARM, right=False)


@dataclass(frozen=True)
class Row:
    """One request of one row: its columns, the model's score, and the label if it comes back."""

    columns: tuple[tuple[Any], ...]
    score: float
    label: str | None


class Clients(Protocol):
    """Who asks a served model."""

    def draw(self) -> Row:
        """The next request."""


@dataclass
class Population:
    """The clients of a lab. `now` may be set to another world at any time; `answered` counts rows."""

    now: World = WINTER
    random: random.Random = field(default_factory=lambda: random.Random(7))
    answered: int = 0

    def draw(self) -> Row:
        world, dice = self.now, self.random
        self.answered += 1
        cell = dice.choices(range(len(world.temp)), world.temp)[0]
        temp = None if dice.random() < world.missing else 10 * cell + 10 * dice.random()
        carrier = dice.choices(list(CARRIERS), list(CARRIERS.values()))[0]
        score = (dice.randrange(CELLS) + 0.5) / CELLS
        chance = score if world.right else 1 - score
        label = ("1" if dice.random() < chance else "0") if dice.random() < world.labels else None
        return Row(((carrier,), (temp,)), score, label)


def profile_of(world: World, *, data_digest: str, signature_digest: str) -> Profile:
    """The reference profile of a model that was trained in this world."""
    each = ROWS // CELLS
    middles = [(cell + 0.5) / CELLS for cell in range(CELLS)]
    return Profile(
        data_digest=data_digest,
        rows=ROWS,
        span=None,
        signature_digest=signature_digest,
        features={
            "carrier": CategoricalFeature(
                values=(*CARRIERS, "__other__"),
                counts=(*(round(share * ROWS) for share in CARRIERS.values()), 0),
                missing=0,
            ),
            "temp": NumericFeature(
                minimum=0.0,
                maximum=80.0,
                edges=tuple(10.0 * edge for edge in range(1, len(world.temp))),
                counts=tuple(round(share * ROWS) for share in world.temp),
                missing=0,
            ),
        },
        score=ScoreReference(
            edges=tuple(edge / CELLS for edge in range(1, CELLS)),
            counts=(each,) * CELLS,
            positives=tuple(round(each * middle) for middle in middles),
            sums=tuple(each * middle for middle in middles),
            threshold=0.5,
        ),
        performance={"logLoss": 0.5, "brier": 0.16, "auc": 0.75},
    )
