"""Publish the splits of a season to an OCI registry: one artifact per split, one CSV per layer, under a tag.

    python -m flights.publish --registry registry.example --prefix flights --tag current --season winter

An Experiment reads them as oci://registry.example/flights/<split>:current. Publishing again under the same
tag moves the tag: the next Experiment, and a retraining, resolves it to the new digest.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence

from flights.data import Part, add_options, chosen_splits, csv_bytes
from flights.source import Flight, data_folder, read_flights
from trimtab_runtime.contract.artifact import DATA_ARTIFACT, DATA_LAYER
from trimtab_runtime.contract.config import RegistryAccess
from trimtab_runtime.oci import Layer, Registry


def publish(
    registry: Registry, prefix: str, tag: str, made: Mapping[Part, Iterable[Flight]]
) -> dict[Part, str]:
    """Push every split as `<prefix>/<split>:<tag>`; the digests. Equal rows give equal digests."""
    return {
        part: registry.push(
            f"{prefix}/{part}", DATA_ARTIFACT, [Layer(DATA_LAYER, csv_bytes(rows), f"{part}.csv")], tag=tag
        )
        for part, rows in made.items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: see the top of this file."""
    parser = argparse.ArgumentParser(prog="python -m flights.publish", description=main.__doc__)
    parser.add_argument("--registry", required=True, help="host and port")
    parser.add_argument("--plain-http", action="store_true")
    parser.add_argument("--ca-bundle", default="", help="PEM file of the registry's certificate authority")
    parser.add_argument("--credentials", default="", help="file of the form of ~/.docker/config.json")
    parser.add_argument("--prefix", default="flights")
    parser.add_argument("--tag", default="current")
    add_options(parser)
    options = parser.parse_args(arguments)
    access = RegistryAccess(options.registry, options.plain_http, options.ca_bundle, options.credentials)
    made = chosen_splits(options, read_flights(data_folder()))
    for part, digest in publish(Registry(access), options.prefix, options.tag, made).items():
        print(f"oci://{options.registry}/{options.prefix}/{part}:{options.tag} is {digest}")


if __name__ == "__main__":
    main()
