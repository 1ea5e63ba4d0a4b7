"""The commands of the runtime package against a real registry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.registry import LocalRegistry, running_registry


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistry]:
    """One registry for the session; tests keep apart by repository name."""
    with running_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running
