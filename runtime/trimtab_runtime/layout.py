"""The folders of this pod, below /trimtab or the root that TRIMTAB_ROOT names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .contract import paths


@dataclass(frozen=True)
class Layout:
    """Where things lie. Tests and training programs outside a pod use another root."""

    root: Path = paths.ROOT

    @classmethod
    def from_environment(cls) -> Layout:
        return cls(Path(os.environ.get(paths.ROOT_ENV, paths.ROOT)))

    def _below(self, path: Path) -> Path:
        return self.root / path.relative_to(paths.ROOT)

    @property
    def inputs(self) -> Path:
        return self._below(paths.IN)

    @property
    def outputs(self) -> Path:
        return self._below(paths.OUT)

    @property
    def model(self) -> Path:
        return self._below(paths.MODEL)

    @property
    def labels(self) -> Path:
        return self._below(paths.LABELS) / paths.LABELS_FILE

    def side_model(self, side: str) -> Path:
        return self._below(paths.MODELS) / side

    def side_scores(self, side: str) -> Path:
        return self._below(paths.SCORES) / side / f"{side}.csv"
