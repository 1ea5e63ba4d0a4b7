"""The artifact registry as the operator reads it: digests of tags and small JSON layers, by digest, in
threads.

The blocking client of trimtab_runtime is used in a bounded pool. What comes back is checked against its
contract; problems come back as records, because decisions are made on them.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from trimtab.apis.v1alpha1.data import DataSource
from trimtab.experiment.observed import Artifact, Problem, TrialRecovered
from trimtab_runtime.contract.artifact import (
    PROFILE_LAYER,
    RESULT_LAYER,
    SIGNATURE_LAYER,
    parse_uri,
)
from trimtab_runtime.contract.config import RegistryAccess
from trimtab_runtime.contract.errors import ContractError, Reason
from trimtab_runtime.contract.profile import parse_profile
from trimtab_runtime.contract.result import parse_result
from trimtab_runtime.contract.signature import parse_signature
from trimtab_runtime.oci import NotFound, Registry, Unauthorized, Unavailable

THREADS = 4
CACHED_ARTIFACTS = 64

T = TypeVar("T")


class RegistrySource:
    def __init__(self, access: RegistryAccess) -> None:
        self._host = access.host
        self._registry = Registry(access)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="registry")
        self._artifacts: OrderedDict[str, Artifact] = OrderedDict()

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def digests(self, sources: Sequence[DataSource]) -> dict[str, str] | Problem:
        """The digest of every data entry, by name; all or nothing."""
        return await self._ask(lambda: {source.name: self._digest(source) for source in sources})

    async def artifact(self, repository: str, digest: str) -> Artifact | Problem:
        """The JSON layers of a model artifact, each checked against its digest and its contract."""
        known = self._artifacts.get(digest)
        if known is not None:
            return known
        found = await self._ask(lambda: self._read_artifact(repository, digest))
        if isinstance(found, Artifact):
            self._artifacts[digest] = found
            if len(self._artifacts) > CACHED_ARTIFACTS:
                self._artifacts.popitem(last=False)
        return found

    async def recover(self, repository: str, tag: str) -> TrialRecovered | Problem:
        """A trial's result by its tag; a Problem with reason ArtifactMissing if nothing was pushed under
        it."""
        return await self._ask(lambda: self._recover(repository, tag))

    async def _ask(self, question: Callable[[], T]) -> T | Problem:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, question)
        except ContractError as error:
            return _problem(error)

    def _digest(self, source: DataSource) -> str:
        reference = parse_uri(source.uri, field=f"data[{source.name}].uri")
        if reference.host != self._host:
            raise ContractError(
                Reason.DATA_INVALID,
                f"data[{source.name}].uri",
                "names another registry than the operator's; push the data to the configured registry",
            )
        try:
            if reference.digest:
                self._registry.manifest(reference.repository, reference.digest)
                return reference.digest
            return self._registry.resolve(reference.repository, reference.tag)
        except NotFound as error:
            raise ContractError(
                Reason.DATA_INVALID,
                f"data[{source.name}].uri",
                "the registry holds no such tag or digest; push the data first",
            ) from error

    def _read_artifact(self, repository: str, digest: str) -> Artifact:
        manifest = self._registry.manifest(repository, digest)

        def layer(media_type: str) -> bytes:
            return self._registry.small_blob(repository, manifest.layer(media_type))

        record = parse_result(layer(RESULT_LAYER))
        has_profile = manifest.has_layer(PROFILE_LAYER)
        return Artifact(
            digest=digest,
            format=record.card.format if record.card else "",
            size_bytes=sum(descriptor.size for descriptor in manifest.layers),
            record=record,
            signature=parse_signature(layer(SIGNATURE_LAYER)),
            signature_digest=manifest.layer(SIGNATURE_LAYER).digest,
            profile=parse_profile(layer(PROFILE_LAYER)) if has_profile else None,
            profile_digest=manifest.layer(PROFILE_LAYER).digest if has_profile else "",
        )

    def _recover(self, repository: str, tag: str) -> TrialRecovered:
        digest = self._registry.resolve(repository, tag)
        return TrialRecovered(digest, self._read_artifact(repository, digest).record.metrics)


def _problem(error: ContractError) -> Problem:
    """Transient: an outage, and a refused password (someone rotates it; the object need not be touched)."""
    message = f"{error.field}: {error.message}" if error.field else error.message
    return Problem(str(error.reason), message, isinstance(error, Unavailable | Unauthorized))
