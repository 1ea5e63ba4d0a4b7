"""`trimtab status`: read the objects of the loop, draw their tree, once or as it changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from trimtab.cli import tree
from trimtab.cli.drawing import ASCII, LINES, draw
from trimtab.cli.reach import NotServed, connected, remedy
from trimtab.cluster.client import Client, Object
from trimtab.model.errors import Gone, Transient
from trimtab.model.kinds import DEPLOYMENT, DRIFT_MONITOR, EXPERIMENT, MODEL_VERSION, Kind

REFRESH_SECONDS = 1.0
KINDS = (EXPERIMENT, MODEL_VERSION, DEPLOYMENT, DRIFT_MONITOR)
NOT_EVERYWHERE = (DRIFT_MONITOR,)
"""Kinds that a cluster may lack; the others come with every installation."""


@dataclass(frozen=True)
class Picture:
    """What to show at one moment."""

    objects: tree.Objects
    trouble: str = ""
    """Why the objects are not those of now."""


def show(console: Console, namespace: str | None, *, follow: bool) -> None:
    """Print the tree of a namespace (None: of all). Raises CannotReach or TrimtabError."""
    asyncio.run(_show(console, namespace, follow=follow))


async def _show(console: Console, namespace: str | None, *, follow: bool) -> None:
    async with connected() as client:
        if not follow:
            _print(console, _drawn(console, namespace, Picture(await read(client, namespace))))
        elif console.is_terminal:
            await _follow_on_screen(console, client, namespace)
        else:
            await _follow_as_text(console, client, namespace)


async def read(client: Client, namespace: str | None) -> tree.Objects:
    """Raises NotServed for a kind that the cluster does not have but should."""
    return {kind.id: await _list(client, kind, namespace) for kind in KINDS}


async def _list(client: Client, kind: Kind, namespace: str | None) -> list[Object]:
    try:
        return await client.list(kind, namespace)
    except Gone as gone:
        if kind in NOT_EVERYWHERE:
            return []
        raise NotServed(kind) from gone


async def _pictures(client: Client, namespace: str | None) -> AsyncIterator[Picture]:
    """One a second. An API server that goes away later is waited for."""
    picture = Picture(await read(client, namespace))
    while True:
        yield picture
        await asyncio.sleep(REFRESH_SECONDS)
        try:
            picture = Picture(await read(client, namespace))
        except Transient as error:
            picture = Picture(picture.objects, trouble=remedy(error))


async def _follow_on_screen(console: Console, client: Client, namespace: str | None) -> None:
    """Only what has changed is drawn anew, over the lines that are there."""
    with Live(console=console, auto_refresh=False) as live:
        drawn: list[Text] = []
        width = 0
        async for picture in _pictures(client, namespace):
            lines = _drawn(console, namespace, picture)
            if lines != drawn or console.width != width:
                drawn, width = lines, console.width
                live.update(Group(*lines), refresh=True)


async def _follow_as_text(console: Console, client: Client, namespace: str | None) -> None:
    """Without a terminal: the whole tree under the time, each time that it has changed."""
    drawn: list[Text] = []
    async for picture in _pictures(client, namespace):
        lines = _drawn(console, namespace, picture)
        if lines != drawn:
            drawn = lines
            _print(console, [Text(f"--- {datetime.now().astimezone():%H:%M:%S}"), *lines])


def _print(console: Console, lines: list[Text]) -> None:
    """As they are: what is wider than the screen is for the screen, or for who reads the file, to wrap."""
    console.print(*lines, sep="\n", soft_wrap=True)


def _drawn(console: Console, namespace: str | None, picture: Picture) -> list[Text]:
    trees = tree.by_namespace(picture.objects) if namespace is None else tree.forest(picture.objects)
    guides = LINES if console.encoding.startswith("utf") else ASCII
    lines = draw(trees, console.width, guides)
    if not lines:
        where = "any namespace" if namespace is None else f"namespace {namespace}"
        lines = [Text(f"nothing of Trimtab in {where}; apply an Experiment to begin")]
    return [Text(picture.trouble, style="bold red"), *lines] if picture.trouble else lines
