"""Numbers as status shows them: the shortest text that reads back as the same value."""

from __future__ import annotations


def shown(value: float) -> str:
    """``0.5121`` for 0.5121; ten significant digits, as in the messages of the pods."""
    text = f"{value:.10g}"
    return text.replace("e+", "e") if "e+" in text else text
