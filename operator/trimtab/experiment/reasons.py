"""The closed list of reasons that an Experiment's conditions and history may carry."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why the Experiment is where it is. The docs list the same words; a test compares them."""

    # progressing
    RESOLVING_DATA = "ResolvingData"
    TRAINING = "Training"
    EVALUATING = "Evaluating"
    REGISTERING = "Registering"
    SUSPENDED = "Suspended"
    IMAGE_PULL_ERROR = "ImagePullError"
    CONTAINER_CONFIG_ERROR = "ContainerConfigError"
    POD_UNSCHEDULABLE = "PodUnschedulable"
    # final
    REGISTERED = "Registered"
    GATES_PASSED = "GatesPassed"
    GATES_PENDING = "GatesPending"
    GATE_FAILED = "GateFailed"
    GATE_INVALID = "GateInvalid"
    TRIALS_FAILED = "TrialsFailed"
    INVALID_SPEC = "InvalidSpec"
    INVALID_STATUS = "InvalidStatus"
    # history only
    DATA_RESOLVED = "DataResolved"
    TRIAL_SUCCEEDED = "TrialSucceeded"
    TRIAL_FAILED = "TrialFailed"
    TRIAL_RESTARTED = "TrialRestarted"
    TRIAL_STOPPED = "TrialStopped"
    EVALUATION_RESTARTED = "EvaluationRestarted"
    WINNER_CHOSEN = "WinnerChosen"
    RESUMED = "Resumed"
    # from pods, the registry and the API server, as they stand in their contracts
    RESULT_MISSING = "ResultMissing"
    RESULT_TRUNCATED = "ResultTruncated"
    RESULT_INVALID = "ResultInvalid"
    ARTIFACT_MISSING = "ArtifactMissing"
    DIGEST_MISMATCH = "DigestMismatch"
    DATA_INVALID = "DataInvalid"
    SPLIT_OVERLAP = "SplitOverlap"
    TIME_LEAK = "TimeLeak"
    REGISTRY_UNAVAILABLE = "RegistryUnavailable"
    REGISTRY_UNAUTHORIZED = "RegistryUnauthorized"
    RUNTIME_MISMATCH = "RuntimeMismatch"
    MODEL_INVALID = "ModelInvalid"
    URI_INVALID = "UriInvalid"
    CONFIG_INVALID = "ConfigInvalid"
    INTERRUPTED = "Interrupted"
    INTERNAL_ERROR = "InternalError"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    TRAINING_FAILED = "TrainingFailed"
    OUT_OF_MEMORY = "OutOfMemory"
    JOB_FAILED = "JobFailed"
    IMAGE_UNKNOWN = "ImageUnknown"
    NO_CHAMPION = "NoChampion"
    CHAMPION_AMBIGUOUS = "ChampionAmbiguous"
    NAME_CONFLICT = "NameConflict"
    API_REFUSED = "ApiRefused"
    API_UNAVAILABLE = "ApiUnavailable"
    API_UNAUTHORIZED = "ApiUnauthorized"


# The same data would fail the next trial in the same way, so no further trial is spent on it.
HOPELESS = frozenset({Reason.DATA_INVALID, Reason.SPLIT_OVERLAP, Reason.TIME_LEAK, Reason.CONFIG_INVALID})
