"""The closed list of reasons that a DriftMonitor's conditions, decisions and history may carry."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why the DriftMonitor is where it is. The docs list the same words; a test compares them."""

    # good
    WATCHING = "Watching"
    METRICS_READ = "MetricsRead"
    NOT_RAISED = "NotRaised"
    # working on it
    DEPLOYMENT_MISSING = "DeploymentMissing"
    AWAITING_DEPLOYMENT = "AwaitingDeployment"
    COLLECTING = "Collecting"
    NO_TRAFFIC = "NoTraffic"
    SOURCE_ERROR = "SourceError"
    INSUFFICIENT_DATA = "InsufficientData"
    WINDOW_TOO_SHORT = "WindowTooShort"
    PROFILE_UNREADABLE = "ProfileUnreadable"
    # needs a person
    NO_PROFILE = "NoProfile"
    RUNTIME_NOT_COUNTED = "RuntimeNotCounted"
    EVIDENCE_UNREADABLE = "EvidenceUnreadable"
    INVALID_SPEC = "InvalidSpec"
    NAME_CONFLICT = "NameConflict"
    INTERNAL_ERROR = "InternalError"
    API_REFUSED = "ApiRefused"
    API_UNAVAILABLE = "ApiUnavailable"
    API_UNAUTHORIZED = "ApiUnauthorized"
    # signals
    FEATURE_DRIFT = "FeatureDrift"
    PREDICTION_DRIFT = "PredictionDrift"
    DATA_QUALITY = "DataQuality"
    REALISED_PERFORMANCE = "RealisedPerformance"
    # a decision to go back
    ROLLBACK_SUGGESTED = "RollbackSuggested"
    ROLLBACK_ASKED = "RollbackAsked"
    ROLLED_BACK = "RolledBack"
    # why a decision is suppressed
    DATA_QUALITY_BROKEN = "DataQualityBroken"
    ROLLOUT_IN_PROGRESS = "RolloutInProgress"
    RETRAIN_IN_FLIGHT = "RetrainInFlight"
    DATA_UNCHANGED = "DataUnchanged"
    ALREADY_ACTED_ON = "AlreadyActedOn"
    BUDGET_SPENT = "BudgetSpent"
    COOLDOWN = "Cooldown"
    REGISTRY_UNAVAILABLE = "RegistryUnavailable"
    # why it is refused
    NOTHING_TO_COPY = "NothingToCopy"
    DATA_INVALID = "DataInvalid"
    LEDGER_UNREADABLE = "LedgerUnreadable"
    # history only
    REFERENCE_CHANGED = "ReferenceChanged"
    RAISED = "Raised"
    CLEARED = "Cleared"
    ALERT = "Alert"
    RETRAIN_SUGGESTED = "RetrainSuggested"
    RETRAIN_APPROVED = "RetrainApproved"
    RETRAIN_SUPPRESSED = "RetrainSuppressed"
    RETRAIN_REFUSED = "RetrainRefused"
    RETRAIN_STARTED = "RetrainStarted"
    STALE_ACTION = "StaleAction"
