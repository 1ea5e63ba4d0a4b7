"""The closed list of reasons that a Deployment's conditions and history may carry."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why the Deployment is where it is. The docs list the same words; a test compares them."""

    # working on it
    AWAITING_VERSION = "AwaitingVersion"
    AWAITING_APPROVAL = "AwaitingApproval"
    STARTING = "Starting"
    PODS_NOT_READY = "PodsNotReady"
    IMAGE_PULL_ERROR = "ImagePullError"
    CONTAINER_FAILED = "ContainerFailed"
    CONTAINER_CONFIG_ERROR = "ContainerConfigError"
    POD_UNSCHEDULABLE = "PodUnschedulable"
    POD_REFUSED = "PodRefused"
    SETTING_WEIGHT = "SettingWeight"
    PAUSED = "Paused"
    FROZEN = "Frozen"
    AWAITING_PERSON = "AwaitingPerson"
    ANALYZING = "Analyzing"
    ROUTE_NOT_ACCEPTED = "RouteNotAccepted"
    PROVIDER_ERROR = "ProviderError"
    STABLE_UNHEALTHY = "StableUnhealthy"
    PROMOTING = "Promoting"
    ABORTING = "Aborting"
    ROLLING_BACK = "RollingBack"
    # good
    SERVING = "Serving"
    CANDIDATE_REJECTED = "CandidateRejected"
    NOTHING_SERVES = "NothingServes"
    METRICS_READ = "MetricsRead"
    # needs a person
    ABORTED = "Aborted"
    MODEL_VERSION_MISSING = "ModelVersionMissing"
    DIGEST_MISMATCH = "DigestMismatch"
    VERSION_REJECTED = "VersionRejected"
    SIGNATURE_MISMATCH = "SignatureMismatch"
    ROLLBACK_BLOCKED = "RollbackBlocked"
    FORMAT_NOT_SERVED = "FormatNotServed"
    FIRST_VERSION_FAILED = "FirstVersionFailed"
    INVALID_SPEC = "InvalidSpec"
    PROVIDER_UNAVAILABLE = "ProviderUnavailable"
    HOSTNAME_CONFLICT = "HostnameConflict"
    NAME_CONFLICT = "NameConflict"
    INTERNAL_ERROR = "InternalError"
    API_REFUSED = "ApiRefused"
    API_UNAVAILABLE = "ApiUnavailable"
    API_UNAUTHORIZED = "ApiUnauthorized"
    # why a candidate is given up
    ANALYSIS_FAILED = "AnalysisFailed"
    POD_HEALTH = "PodHealth"
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
    INCONCLUSIVE = "Inconclusive"
    ABORTED_BY_PERSON = "AbortedByPerson"
    ROLLED_BACK_BY_PERSON = "RolledBackByPerson"
    # history only
    CANDIDATE_STARTED = "CandidateStarted"
    CANDIDATE_DROPPED = "CandidateDropped"
    WEIGHT_APPLIED = "WeightApplied"
    PROMOTED_BY_PERSON = "PromotedByPerson"
    QUARANTINE_LIFTED = "QuarantineLifted"
    ROLLED_BACK = "RolledBack"
    STALE_ACTION = "StaleAction"
    PROMOTED = "Promoted"
