"""A split as typed columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from trimtab_runtime.contract import paths
from trimtab_runtime.contract.data import TRIAL_SPLITS
from trimtab_runtime.contract.signature import Signature, signature_of
from trimtab_runtime.dataset.cells import LABELS
from trimtab_runtime.dataset.columns import as_rows, read_columns, typed_columns
from trimtab_runtime.layout import Layout

from .trial import data_contract, data_entries

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Split:
    """All rows of a split. `time` and `group` hold the cells of those columns, empty if not declared."""

    name: str
    digests: tuple[str, ...]
    files: tuple[Path, ...]
    signature: Signature
    columns: Mapping[str, npt.NDArray[Any]]
    label: npt.NDArray[np.int64]
    time: tuple[str, ...]
    group: tuple[str, ...]

    @property
    def rows(self) -> npt.NDArray[Any]:
        """Features as an array: float64, or object with None for missing texts if there are texts."""
        return as_rows(self.columns, self.signature)

    @property
    def frame(self) -> pandas.DataFrame:
        """Features as a data frame."""
        import pandas

        return pandas.DataFrame(dict(self.columns))


def load_split(name: str) -> Split:
    """Load `train`, `validation` or `reference`; the evaluation rows are not in this pod."""
    if name not in TRIAL_SPLITS:
        raise ValueError(f"a trial may read {', '.join(TRIAL_SPLITS)}, not {name!r}")
    contract = data_contract()
    entries = [entry for entry in data_entries() if entry.split == name]
    folder = Layout.from_environment().inputs / paths.DATA_FOLDER / name
    files = tuple(sorted(folder.glob("*.csv")))
    if not entries or not files:
        raise FileNotFoundError(f"the Experiment declares no data with split {name}")
    signature, cells = signature_of(contract), read_columns(files, contract.column_names)
    return Split(
        name=name,
        digests=tuple(entry.digest for entry in entries),
        files=files,
        signature=signature,
        columns=typed_columns(cells, signature),
        label=np.array([LABELS[cell] for cell in cells[contract.label]], dtype=np.int64),
        time=tuple(cells[contract.time_column]) if contract.time_column else (),
        group=tuple(cells[contract.group_column]) if contract.group_column else (),
    )
