"""The closed list of reasons that a Deployment's conditions and history may carry."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why the Deployment is where it is. The docs list the same words; a test compares them."""

    # working on it
    AWAITING_VERSION = "AwaitingVersion"
    AWAITING_APPROVAL = "AwaitingApproval"
    STARTING = "Starting"
    PROGRESSING = "Progressing"
    PODS_NOT_READY = "PodsNotReady"
    IMAGE_PULL_ERROR = "ImagePullError"
    CONTAINER_FAILED = "ContainerFailed"
    POD_UNSCHEDULABLE = "PodUnschedulable"
    # good
    SERVING = "Serving"
    NOTHING_SERVES = "NothingServes"
    # needs a person
    MODEL_VERSION_MISSING = "ModelVersionMissing"
    DIGEST_MISMATCH = "DigestMismatch"
    VERSION_REJECTED = "VersionRejected"
    FIRST_VERSION_FAILED = "FirstVersionFailed"
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
    REVISION_RECORD_LOST = "RevisionRecordLost"
    INVALID_SPEC = "InvalidSpec"
    NAME_CONFLICT = "NameConflict"
    INTERNAL_ERROR = "InternalError"
    API_REFUSED = "ApiRefused"
    API_UNAVAILABLE = "ApiUnavailable"
    API_UNAUTHORIZED = "ApiUnauthorized"
    # history only
    CANDIDATE_STARTED = "CandidateStarted"
    CANDIDATE_DROPPED = "CandidateDropped"
    PROMOTED = "Promoted"
