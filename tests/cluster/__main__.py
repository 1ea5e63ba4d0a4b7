"""python -m tests.cluster: clusters, programs and images from the command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.cluster import binaries, images, provider, registry
from tests.cluster.cache import BUILD
from tests.cluster.control_plane import ControlPlane
from tests.cluster.progress import CannotContinue


def main(words: list[str]) -> int:
    arguments = _parser().parse_args(words)
    try:
        return int(arguments.act(arguments) or 0)
    except CannotContinue as reason:
        print(f"cannot continue: {reason}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument(
        "--provider", choices=provider.CHOICES, help="instead of TRIMTAB_CLUSTER or the default"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, act: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(act=act)
        return added

    command("up", _up, "start the cluster with DNS and registry, whatever an earlier run left behind")
    command("down", _down, "end the cluster and leave nothing of it")
    command("status", _status, "say whether it is up, and how to reach it")
    command("kubeconfig", _kubeconfig, "print the path of the admin's kubeconfig")
    command("load-image", _load_image, "load OCI archives into the node").add_argument(
        "archive", type=Path, nargs="+"
    )
    command("images", _images, "build the operator and runtime images, load them if the cluster is up")
    command("programs", _programs, "build what the cache lacks").add_argument(
        "name", nargs="*", choices=[*binaries.SETS, []], help="default: all that the tests need"
    )
    plane = command("control-plane", _control_plane, "an API server without nodes")
    plane.add_argument("action", choices=["up", "down"])
    plane.add_argument("--work-dir", type=Path, default=BUILD / "control-plane")
    return parser


def _up(arguments: argparse.Namespace) -> None:
    cluster = provider.choose(arguments.provider)
    cluster.up()
    registry.install(cluster)
    print(cluster.kubeconfig)


def _down(arguments: argparse.Namespace) -> None:
    provider.choose(arguments.provider).down()


def _status(arguments: argparse.Namespace) -> int:
    cluster = provider.choose(arguments.provider)
    if not cluster.kubeconfig.is_file():
        print("down")
        return 1
    print(cluster.kubectl("get", "nodes,pods", "--all-namespaces", "-o", "wide"))
    print(f"kubeconfig {cluster.kubeconfig}")
    print(f"registry   {registry.HOST}, from here {registry.find(cluster.kubectl).address}")
    return 0


def _kubeconfig(arguments: argparse.Namespace) -> None:
    print(provider.choose(arguments.provider).kubeconfig)


def _load_image(arguments: argparse.Namespace) -> None:
    cluster = provider.choose(arguments.provider)
    for archive in arguments.archive:
        image = cluster.load_image(archive)
        print(image.name, image.by_digest)


def _images(arguments: argparse.Namespace) -> None:
    cluster = provider.choose(arguments.provider)
    for built in (images.runtime(), images.operator()):
        print(f"{built.image.by_digest}\n  {built.image.name}  {images.sizes(built.archive)}")
        if cluster.kubeconfig.is_file():
            cluster.load_image(built.archive)


def _programs(arguments: argparse.Namespace) -> None:
    for name in arguments.name or [s.name for s in binaries.NEEDED_BY_TESTS]:
        print(binaries.ensure(binaries.SETS[name]))


def _control_plane(arguments: argparse.Namespace) -> None:
    plane = ControlPlane(arguments.work_dir)
    if arguments.action == "down":
        plane.down()
    else:
        print(plane.up())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
