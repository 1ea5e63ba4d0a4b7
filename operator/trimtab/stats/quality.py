"""Data quality of a window: missing values, unseen categories and the like, feature by feature."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from trimtab.stats.fdr import benjamini_hochberg
from trimtab.stats.power import DEFAULT_POWER
from trimtab.stats.proportions import Increase, Occurrences, increase, min_samples_for_increase
from trimtab.stats.verdicts import DriftVerdict, combine

# Below five bad rows one careless client looks like a broken pipeline.
MIN_HITS = 5


class QualityCheck(StrEnum):
    """What is counted."""

    MISSING = "Missing"
    UNSEEN = "Unseen"
    OUT_OF_RANGE = "OutOfRange"
    TYPE_VIOLATION = "TypeViolation"


@dataclass(frozen=True, slots=True)
class QualityShare:
    """Bad rows of one kind in one feature. `max_increase` is the tolerated rise of the share, in (0, 1]."""

    feature: str
    check: QualityCheck
    reference: Occurrences
    current: Occurrences
    max_increase: float


@dataclass(frozen=True, slots=True)
class QualityFinding:
    """What one window says about one check of one feature."""

    feature: str
    check: QualityCheck
    verdict: DriftVerdict
    share: float | None  # None without rows
    reference_share: float
    p_adjusted: float | None
    samples: int
    min_samples: int | None


@dataclass(frozen=True, slots=True)
class WindowQuality:
    """What one window says about data quality; Drifted means broken."""

    verdict: DriftVerdict
    findings: tuple[QualityFinding, ...]

    @property
    def broken(self) -> tuple[QualityFinding, ...]:
        """The checks that are broken, largest rise first."""
        rises = [f for f in self.findings if f.verdict is DriftVerdict.DRIFTED]
        return tuple(sorted(rises, key=lambda f: (f.reference_share - (f.share or 0.0), f.feature, f.check)))


def judge_quality(
    shares: Sequence[QualityShare], *, fdr: float = 0.01, power: float = DEFAULT_POWER
) -> WindowQuality:
    """Judge all quality checks of one window together.

    Broken (Drifted) = the share rose by more than `max_increase`, the one-sided two-proportion p adjusted
    over all checks (Benjamini-Hochberg) is <= fdr, and at least MIN_HITS rows are bad. Healthy needs the
    rows that show a rise of `max_increase` at fdr / checks with `power`; less is InsufficientData.

    Raises ValueError without checks or for a reference without rows.
    """
    if not shares:
        raise ValueError("data quality without checks cannot be judged")
    tests = [increase(s.reference, s.current) if s.current.total else None for s in shares]
    adjusted = benjamini_hochberg([test.p if test else None for test in tests])
    level = fdr / len(shares)
    findings = tuple(
        _judge(share, test, p_adjusted, fdr=fdr, level=level, power=power)
        for share, test, p_adjusted in zip(shares, tests, adjusted, strict=True)
    )
    return WindowQuality(verdict=combine(f.verdict for f in findings), findings=findings)


def _judge(
    share: QualityShare,
    test: Increase | None,
    p_adjusted: float | None,
    *,
    fdr: float,
    level: float,
    power: float,
) -> QualityFinding:
    needed = min_samples_for_increase(
        reference=share.reference, increase=share.max_increase, level=level, power=power
    )
    return QualityFinding(
        feature=share.feature,
        check=share.check,
        verdict=_verdict(share, test, needed, significant=p_adjusted is not None and p_adjusted <= fdr),
        share=test.current_share if test else None,
        reference_share=share.reference.share,
        p_adjusted=p_adjusted,
        samples=share.current.total,
        min_samples=needed,
    )


def _verdict(
    share: QualityShare, test: Increase | None, needed: int | None, *, significant: bool
) -> DriftVerdict:
    if test is None:
        return DriftVerdict.NO_TRAFFIC
    if significant and test.difference > share.max_increase and share.current.hits >= MIN_HITS:
        return DriftVerdict.DRIFTED
    if needed is None or share.current.total < needed:
        return DriftVerdict.INSUFFICIENT_DATA
    return DriftVerdict.HEALTHY
