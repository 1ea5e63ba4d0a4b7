"""The closed list of reasons with which a pod may fail, and the one exception that carries them."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a trial, an evaluation or a model pull failed; shown in status as it stands."""

    RESULT_MISSING = "ResultMissing"
    RESULT_TRUNCATED = "ResultTruncated"
    RESULT_INVALID = "ResultInvalid"
    ARTIFACT_MISSING = "ArtifactMissing"
    DIGEST_MISMATCH = "DigestMismatch"
    DATA_INVALID = "DataInvalid"
    SPLIT_OVERLAP = "SplitOverlap"
    TIME_LEAK = "TimeLeak"
    GATE_INVALID = "GateInvalid"
    REGISTRY_UNAVAILABLE = "RegistryUnavailable"
    REGISTRY_UNAUTHORIZED = "RegistryUnauthorized"
    RUNTIME_MISMATCH = "RuntimeMismatch"
    MODEL_INVALID = "ModelInvalid"
    URI_INVALID = "UriInvalid"
    CONFIG_INVALID = "ConfigInvalid"
    PAGE_INVALID = "PageInvalid"  # /metrics of a model server; never in a termination message
    INTERRUPTED = "Interrupted"
    INTERNAL_ERROR = "InternalError"


# A new pod may succeed where this one failed. Everything else is exit code 42: the same input fails again.
RETRYABLE = frozenset({Reason.REGISTRY_UNAVAILABLE, Reason.INTERRUPTED, Reason.INTERNAL_ERROR})

EXIT_OK = 0
EXIT_RETRY = 1
EXIT_DO_NOT_RETRY = 42


class ContractError(Exception):
    """Input that breaks a contract, or a registry that refused.

    `field` names the file, column or JSON path; `message` says what is wrong and what to change, and never
    holds data values, response bodies or credentials: all three parts may be copied into status.
    """

    def __init__(self, reason: Reason, field: str, message: str) -> None:
        super().__init__(f"{reason}: {field}: {message}" if field else f"{reason}: {message}")
        self.reason = reason
        self.field = field
        self.message = message


def exit_code(reason: Reason) -> int:
    """The process exit code for a reason; 42 is what the Job's podFailurePolicy does not retry."""
    return EXIT_RETRY if reason in RETRYABLE else EXIT_DO_NOT_RETRY
