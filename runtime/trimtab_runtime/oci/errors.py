"""What a registry may answer besides success. Messages hold no host, address, header or response body."""

from __future__ import annotations

from trimtab_runtime.contract.errors import ContractError, Reason


class RegistryError(ContractError):
    """Base of the errors below; `field` is the repository."""


class NotFound(RegistryError):
    """The registry answered, and has no such manifest, tag or blob."""

    def __init__(self, repository: str, what: str) -> None:
        super().__init__(Reason.ARTIFACT_MISSING, repository, f"the registry has no {what}")


class Unauthorized(RegistryError):
    """The registry refused the credentials, or wanted some and there were none."""

    def __init__(self, repository: str, message: str) -> None:
        super().__init__(Reason.REGISTRY_UNAUTHORIZED, repository, message)


class Unavailable(RegistryError):
    """The registry cannot be reached or is failing now; the same request may succeed later."""

    def __init__(self, repository: str, message: str) -> None:
        super().__init__(Reason.REGISTRY_UNAVAILABLE, repository, message)


class Refused(RegistryError):
    """An answer that trying again will not change: too large, malformed, or a refusal of the content."""

    def __init__(self, repository: str, message: str) -> None:
        super().__init__(Reason.RESULT_INVALID, repository, message)


class DigestMismatch(RegistryError):
    """Bytes that are not what their digest promises."""

    def __init__(self, repository: str, what: str) -> None:
        super().__init__(Reason.DIGEST_MISMATCH, repository, f"the bytes of {what} do not have its digest")
