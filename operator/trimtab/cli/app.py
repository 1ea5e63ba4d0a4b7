"""The commands of `trimtab` and their options; what they do lies elsewhere, and is imported when it is done:
what one of them needs is half a second of the start of another.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="trimtab",
    help="Closes the machine-learning loop on Kubernetes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Check = Annotated[bool, typer.Option("--check", help="Change nothing; fail if a file is out of date.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of the files.")]


@app.callback()
def root() -> None:
    """Keeps commands named while there is only one."""


Name = Annotated[str, typer.Argument(help="Name of the Deployment (deployments.trimtab.dev).")]
Namespace = Annotated[
    str, typer.Option("--namespace", "-n", help="Namespace; else that of the kubeconfig's context.")
]


@app.command()
def status(
    namespace: Namespace = "",
    everywhere: Annotated[bool, typer.Option("--all-namespaces", "-A", help="All namespaces.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on showing it as it changes.")] = False,
) -> None:
    """Show the loop: each Experiment with its trials, version, Deployment and monitor, and why it is so."""
    from rich.console import Console

    from trimtab.cli import reach, status

    with _said():
        where = None if everywhere else namespace or reach.home_namespace()
        status.show(Console(highlight=False, markup=False), where, follow=watch)


@app.command()
def promote(name: Name, namespace: Namespace = "") -> None:
    """End the wait of the candidate's step: a pause, or an analysis without a verdict."""
    _act("promote", namespace, name)


@app.command()
def abort(name: Name, namespace: Namespace = "") -> None:
    """Give the candidate up: all traffic goes back to stable, and the revision is quarantined."""
    _act("abort", namespace, name)


@app.command()
def retry(name: Name, namespace: Namespace = "") -> None:
    """Lift the quarantine of the revision that was given up last: it may be tried again."""
    _act("retry", namespace, name)


@app.command()
def rollback(name: Name, namespace: Namespace = "") -> None:
    """Go back to the revision that served before, as soon as its pods are ready; stable is quarantined."""
    _act("rollback", namespace, name)


@app.command()
def approve(
    name: Annotated[str, typer.Argument(help="Name of the DriftMonitor.")], namespace: Namespace = ""
) -> None:
    """Say yes to the retraining or rollback that a monitor suggests."""
    _act("approve", namespace, name)


def _act(action: str, namespace: str, name: str) -> None:
    from trimtab.cli import actions, reach

    with _said():
        typer.echo(actions.act(action, namespace or reach.home_namespace(), name))


class ReplayOutput(StrEnum):
    """How a replay is written."""

    TABLE = "table"
    JSON = "json"
    HTML = "html"


@app.command()
def replay(
    *,
    reference: Annotated[Path, typer.Option("--reference", help="CSV or Parquet: rows to compare with.")],
    current: Annotated[Path, typer.Option("--current", help="CSV or Parquet: rows to judge.")],
    chunk_size: Annotated[
        int | None, typer.Option("--chunk-size", help="Rows of a window; else all are one.")
    ] = None,
    timestamp: Annotated[str, typer.Option("--timestamp", help="Column of the times.")] = "",
    every: Annotated[str, typer.Option("--every", help="Length of a window, such as 1d or 6h.")] = "",
    score: Annotated[str, typer.Option("--score", help="Column of the probability of a positive.")] = "",
    prediction: Annotated[str, typer.Option("--prediction", help="Column of the predicted class.")] = "",
    label: Annotated[str, typer.Option("--label", help="Column of the true class.")] = "",
    positive: Annotated[
        str, typer.Option("--positive", help="The class that the score is about, in label and prediction.")
    ] = "1",
    monitor: Annotated[
        Path | None, typer.Option("--monitor", help="File with the DriftMonitor to judge by; else defaults.")
    ] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Also the statistics of the raw rows.")] = False,
    output: Annotated[
        ReplayOutput, typer.Option("--output", "-o", help="To standard output.")
    ] = ReplayOutput.TABLE,
) -> None:
    """Judge recorded rows offline, as a DriftMonitor would have: verdicts, numbers and decisions."""
    from trimtab.cli import replayed

    with _said():
        roles = replayed.Roles(timestamp, score, prediction, label, positive)
        asked = replayed.Asked(reference, current, roles, chunk_size, every, monitor, exact)
        replayed.write(asked, output)


@contextlib.contextmanager
def _said() -> Iterator[None]:
    """What went wrong, said in one line instead of a traceback. An interrupt ends a command well."""
    from trimtab.cli import actions, reach
    from trimtab.model.errors import TrimtabError
    from trimtab.replay.errors import CannotReplay

    try:
        yield
    except (actions.NothingToDo, reach.CannotReach, CannotReplay) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    except TrimtabError as error:
        typer.echo(reach.remedy(error), err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@app.command()
def run(
    config: Annotated[Path, typer.Option("--config", help="The operator's configuration file (YAML).")],
    log_level: Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")] = "info",
) -> None:
    """Run the operator."""
    from trimtab.cluster.client import pod_namespace
    from trimtab.runtime import logs, process, settings

    logs.configure(log_level)
    try:
        configuration = settings.load(config, pod_namespace())
    except settings.ConfigurationError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    raise typer.Exit(process.run(configuration))


@app.command()
def crds(check: Check = False, out: Out = Path("crds")) -> None:
    """Write the CustomResourceDefinitions, ready for `kubectl apply -f`."""
    from trimtab.apis import crd

    _generate("trimtab crds", out, {kind.file_name: crd.render(kind) for kind in crd.KINDS}, check=check)


@app.command()
def chart(check: Check = False, out: Out = Path("charts/trimtab/generated")) -> None:
    """Write the generated part of the Helm chart: the rules of its Roles, and the CRDs."""
    from trimtab.cli import chart_files

    _generate("trimtab chart", out, chart_files.render(), check=check)


@app.command(name="reference")
def write_reference(check: Check = False, out: Out = Path("docs/reference")) -> None:
    """Write the reference pages: every field of every kind."""
    from trimtab.apis import crd, reference

    pages = {reference.file_name(kind): reference.render(kind) for kind in crd.KINDS}
    _generate("trimtab reference", out, pages, check=check)


def _generate(command: str, out: Path, files: Mapping[str, str], *, check: bool) -> None:
    from trimtab.cli import generated

    if not check:
        generated.write(out, files)
        return
    problems = generated.stale(out, files)
    if problems:
        for problem in problems:
            typer.echo(problem, err=True)
        typer.echo(f"Run `{command} --out {out}` and commit the result.", err=True)
        raise typer.Exit(1)
