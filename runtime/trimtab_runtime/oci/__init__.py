"""OCI registry access by digest: a thin layer over the `oras` client.

Used by the pods and, from worker threads, by the operator. Everything read is size-limited and verified
against its digest before it is returned; every failure is one of the typed errors of `oci.errors`.
"""

from .errors import DigestMismatch, NotFound, Refused, RegistryError, Unauthorized, Unavailable
from .manifest import Descriptor, Layer, Manifest, parse_manifest
from .registry import Registry

__all__ = [
    "Descriptor",
    "DigestMismatch",
    "Layer",
    "Manifest",
    "NotFound",
    "Refused",
    "Registry",
    "RegistryError",
    "Unauthorized",
    "Unavailable",
    "parse_manifest",
]
