"""Effect size and significance of one table together: neither is a finding without the other."""

from dataclasses import dataclass

from trimtab.stats.chi2 import chi_square
from trimtab.stats.counts import Counts, as_counts
from trimtab.stats.power import DEFAULT_POWER, min_samples
from trimtab.stats.psi import psi


@dataclass(frozen=True, slots=True)
class Distance:
    """How far `samples` rows are from their reference. `p` None: nothing was testable."""

    psi: float  # nats
    psi_adjusted: float
    p: float | None
    samples: int

    def is_off(self, *, floor: float, level: float) -> bool:
        """Significant at `level` and at least `floor` (psiAdjusted) away."""
        return self.p is not None and self.p <= level and self.psi_adjusted >= floor


def measure(reference: Counts, current: Counts) -> Distance | None:
    """PSI and two-sample chi-square of one table; None if the current side has no rows.

    Raises ValueError for malformed counts, different lengths or an empty reference.
    """
    if not any(as_counts(current)):
        return None
    moved = psi(reference, current)
    return Distance(moved.value, moved.adjusted, chi_square(reference, current).p, moved.current_samples)


def rows_to_see(reference: Counts, *, floor: float, level: float, power: float = DEFAULT_POWER) -> int | None:
    """`min_samples` for this reference; None if it is too small to show `floor` at all.

    Counts the buckets of the reference alone: a gate that moved with the window could not be announced.
    """
    counts = as_counts(reference)
    return min_samples(
        buckets=sum(count > 0 for count in counts),
        reference_samples=int(sum(counts)),
        effect=floor,
        level=level,
        power=power,
    )
