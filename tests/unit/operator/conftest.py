"""Golden files: what the operator sends, checked in, rewritten only on request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml


class _WithoutAnchors(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


FOLDER = Path(__file__).parent / "golden"
Golden = Callable[[str, Any], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite tests/unit/operator/golden from the code"
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare a value with ``golden/<name>.yaml``.

    After a wanted change: ``pytest tests/unit/operator --update-golden``, and read the diff.
    """

    def compare(name: str, value: Any) -> None:
        path = FOLDER / f"{name}.yaml"
        text = yaml.dump(value, Dumper=_WithoutAnchors, sort_keys=False, width=108)
        if request.config.getoption("--update-golden", default=False):
            path.write_text(text)
        assert path.read_text() == text

    return compare
