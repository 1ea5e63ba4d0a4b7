"""How many examples a property gets: few in every check, many times more when asked for.

TRIMTAB_EXAMPLES=50 pytest tests/unit/operator -k "convergence or properties"
"""

from __future__ import annotations

import os

from hypothesis import settings

FACTOR = int(os.environ.get("TRIMTAB_EXAMPLES", "1"))


def examples(count: int, *, steps: int = 50) -> settings:
    """Settings with ``count`` examples, times the factor; ``steps`` for state machines."""
    return settings(max_examples=count * FACTOR, stateful_step_count=steps, deadline=None)
