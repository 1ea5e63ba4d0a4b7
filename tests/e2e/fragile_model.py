"""A model whose image carries a fuse, trained twice: soundly, and in other units than clients send."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests import installation
from tests.cluster import images, provider
from tests.e2e.world import World

from flights.data import Variant, splits
from flights.demo import manifests
from flights.source import data_folder, read_flights

MODEL = "fragile"
SOUND, CELSIUS = 1, 2
SOURCES = Path(__file__).parent / "fragile"


def train(world: World, scratch: Path) -> None:
    """Versions SOUND and CELSIUS, approved: the gates cannot see the units, in which all splits are."""
    image = _load_image(scratch)
    celsius = splits(read_flights(data_folder()), "winter", Variant(celsius=True))
    world.publish("celsius", celsius)
    for version, tag in ((SOUND, "winter"), (CELSIUS, "celsius")):
        name = f"{MODEL}-{tag}"
        document = world.single(name, tag, model=MODEL)
        world.apply(manifests.trial_with(document, image=image, command=["python", "-m", "fragile"]))
        made = world.approved(world.succeeded(name)["status"]["result"]["modelVersion"])
        assert made["spec"]["version"] == version


def copy_sources(context: Path) -> list[Path]:
    """The training program with the fuse, copied to where an image is built; what was copied."""
    shutil.copy(SOURCES / "fragile.py", context)
    (context / "flights").mkdir()
    for name in ("__init__.py", "model.py", "train.py"):
        shutil.copy(installation.FLIGHTS / name, context / "flights")
    return [context / "fragile.py", context / "flights"]


def _load_image(context: Path) -> str:
    """The training image of the flights with the fuse; its name in the node."""
    inputs = copy_sources(context)
    built = images.derived("localhost/fragile-train", SOURCES / "Dockerfile", context, inputs)
    return provider.choose().load_image(built.archive).name
