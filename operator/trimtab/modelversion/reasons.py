"""The closed list of reasons that a ModelVersion's conditions and history may carry."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    APPROVED = "Approved"
    AWAITING_EXPERIMENT = "AwaitingExperiment"
    UNKNOWN_ORIGIN = "UnknownOrigin"
    INVALID_SPEC = "InvalidSpec"
    INTERNAL_ERROR = "InternalError"
    API_REFUSED = "ApiRefused"
    API_UNAVAILABLE = "ApiUnavailable"
    API_UNAUTHORIZED = "ApiUnauthorized"
