"""The story as a list of steps. Each step is in the module of its subject; a later milestone adds its own."""

from __future__ import annotations

from flights.data import Variant
from flights.demo import ground, learn, manifests
from flights.demo.ground import Ground
from flights.demo.report import Report

REACHED = ("train", "evaluate", "gate", "version")
TO_FOLLOW = ("serving", "canary", "drift", "retraining")


def tell(report: Report, *, split_seed: int, seed: int) -> Ground:
    """Everything that happens, in order. Raises at the first step that does not."""
    world = ground.prepare(report)
    with report.step("winter data published", 20) as facts:
        facts["digests"] = learn.publish_season(report, world, "winter", Variant(), split_seed=split_seed)
    with report.step("Experiment flights-winter -> flights-v1", 150) as facts:
        facts.update(first_version(report, world, seed))
    return world


def first_version(report: Report, world: Ground, seed: int) -> dict[str, object]:
    """Winter's Experiment to an approved version."""
    name = "flights-winter"
    document = manifests.experiment(
        name, registry=world.registry.host, image=world.images.flights.name, prefix=learn.PREFIX, seed=seed
    )
    learn.apply(report, world, document)
    experiment = learn.follow(report, world, name)
    return learn.facts(experiment, learn.approved_version(world, experiment))
