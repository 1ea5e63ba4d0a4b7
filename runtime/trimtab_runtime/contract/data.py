"""The data contract (schema.json) and the pinned data entries of an Experiment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from .artifact import REPOSITORY
from .errors import ContractError, Reason
from .paths import RESERVED_PREFIX
from .strict import NAME, Fields

TRAIN, VALIDATION, REFERENCE, EVALUATION = "train", "validation", "reference", "evaluation"
SPLITS: Final = (TRAIN, VALIDATION, REFERENCE, EVALUATION)
TRIAL_SPLITS: Final = (TRAIN, VALIDATION, REFERENCE)  # what user code may see
LEARNT_SPLITS: Final = (TRAIN, VALIDATION)  # rows that fitting or model selection saw
SINGLE_SPLITS: Final = (REFERENCE, EVALUATION)  # their digest stands for the split, so one entry each

DOUBLE, INT, STRING, BOOL = "double", "int", "string", "bool"
# Column type -> Open Inference Protocol datatype.
DATATYPES: Final[Mapping[str, str]] = MappingProxyType(
    {DOUBLE: "FP64", INT: "INT64", STRING: "BYTES", BOOL: "BOOL"}
)
COLUMN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}\Z")
DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?\Z")
MAX_COLUMNS, MAX_CATEGORIES, MAX_ENTRIES = 256, 256, 16


@dataclass(frozen=True)
class Column:
    """One declared column. `minimum` and `maximum` are inclusive; empty cells are missing values."""

    name: str
    type: str
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        result: dict[str, Any] = {"type": self.type, "nullable": self.nullable}
        bounds = {"min": self.minimum, "max": self.maximum}
        span = {key: repr(value) for key, value in bounds.items() if value is not None}
        return (
            result
            | ({"range": span} if span else {})
            | ({"categories": list(self.categories)} if self.categories else {})
        )


@dataclass(frozen=True)
class DataContract:
    """What every split of an Experiment must look like; closed: an undeclared column is DataInvalid.

    Label, time and group columns are declared by being named; `columns` may list them too, to give a type.
    The label is binary (0/1 or false/true), the time ISO 8601, the group any text; none may be missing.
    """

    label: str
    columns: tuple[Column, ...]
    time_column: str = ""
    group_column: str = ""

    @property
    def features(self) -> tuple[Column, ...]:
        """Columns a model may see, in the order in which it sees them."""
        special = {self.label, self.time_column, self.group_column}
        return tuple(column for column in self.columns if column.name not in special)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Every column a file must have."""
        declared = tuple(column.name for column in self.columns)
        special = (self.label, self.time_column, self.group_column)
        return declared + tuple(name for name in special if name and name not in declared)

    def column(self, name: str) -> Column:
        """The declaration of a column; special columns without one are plain strings."""
        return next((column for column in self.columns if column.name == name), Column(name, STRING))

    def to_json(self) -> dict[str, Any]:
        # A list, not an object: the order of the features is part of the contract.
        return {
            "label": self.label,
            "timeColumn": self.time_column,
            "groupColumn": self.group_column,
            "columns": [{"name": column.name} | column.to_json() for column in self.columns],
        }


@dataclass(frozen=True)
class DataEntry:
    """One data artifact, pinned."""

    name: str
    split: str
    repository: str
    digest: str

    def to_json(self) -> dict[str, str]:
        return {
            "name": self.name,
            "split": self.split,
            "repository": self.repository,
            "digest": self.digest,
        }


def parse_data_contract(value: Any, *, reason: Reason = Reason.CONFIG_INVALID) -> DataContract:
    """Parse schema.json, or the same shape from an Experiment spec (there `columns` is an object by name)."""
    fields = Fields(value, reason, "dataContract")
    columns = _parse_columns(fields)
    contract = DataContract(
        label=fields.text("label", pattern=COLUMN_NAME),
        columns=columns,
        time_column=fields.optional_text("timeColumn", pattern=COLUMN_NAME),
        group_column=fields.optional_text("groupColumn", pattern=COLUMN_NAME),
    )
    fields.end()
    _check_contract(contract, fields)
    return contract


def _parse_columns(fields: Fields) -> tuple[Column, ...]:
    if isinstance(fields.value.get("columns"), dict):
        columns = fields.object("columns")
        named = [(name, columns.object(name)) for name in columns.value]
    else:
        listed = list(fields.objects("columns", max_items=MAX_COLUMNS))
        named = [(item.text("name"), item) for item in listed]
    if not 1 <= len(named) <= MAX_COLUMNS:
        fields.fail("columns", f"must declare 1 to {MAX_COLUMNS} columns")
    return tuple(_parse_column(name, item) for name, item in named)


def _parse_column(name: str, fields: Fields) -> Column:
    if not COLUMN_NAME.match(name) or name.startswith(RESERVED_PREFIX):
        fields.fail("", f"column names must match {COLUMN_NAME.pattern} and not start with {RESERVED_PREFIX}")
    kind = fields.choice("type", tuple(DATATYPES))
    minimum, maximum = _parse_range(fields) if fields.has("range") else (None, None)
    column = Column(
        name=name,
        type=kind,
        nullable=fields.boolean("nullable", default=False),
        minimum=minimum,
        maximum=maximum,
        categories=_parse_categories(fields) if fields.has("categories") else (),
    )
    if (minimum is not None or maximum is not None) and kind not in (DOUBLE, INT):
        fields.fail("range", "only double and int columns have a range")
    if column.categories and kind != STRING:
        fields.fail("categories", "only string columns have categories")
    fields.allow("range", "categories")
    fields.end()
    return column


def _parse_range(fields: Fields) -> tuple[float | None, float | None]:
    span = fields.object("range")
    low, high = (float(span.text(key, pattern=DECIMAL)) if span.has(key) else None for key in ("min", "max"))
    span.allow("min", "max")
    span.end()
    if low is not None and high is not None and low > high:
        span.fail("min", "must not be greater than max")
    return low, high


def _parse_categories(fields: Fields) -> tuple[str, ...]:
    categories = fields.array("categories", max_items=MAX_CATEGORIES)
    if any(not isinstance(item, str) or not item or len(item) > 256 for item in categories):
        fields.fail("categories", "must be non-empty strings of at most 256 characters")
    if len(set(categories)) != len(categories):
        fields.fail("categories", "must not repeat a value")
    return tuple(categories)


def _check_contract(contract: DataContract, fields: Fields) -> None:
    names = [column.name for column in contract.columns]
    if len(set(names)) != len(names):
        fields.fail("columns", "must not repeat a name")
    special = [name for name in (contract.label, contract.time_column, contract.group_column) if name]
    if contract.label in special[1:]:
        fields.fail("label", "must not be the time or group column")
    if any(name.startswith(RESERVED_PREFIX) for name in special):
        fields.fail("", f"column names must not start with {RESERVED_PREFIX}")
    if not contract.features:
        fields.fail("columns", "must declare at least one feature besides label, time and group")


def parse_entries(
    items: Sequence[Fields], *, required: Sequence[str], reason: Reason = Reason.CONFIG_INVALID
) -> tuple[DataEntry, ...]:
    """Parse pinned data entries; names are unique, and `required` splits must be there."""
    entries = tuple(_parse_entry(item) for item in items)
    names = [entry.name for entry in entries]
    splits = [entry.split for entry in entries]
    if len(set(names)) != len(names):
        raise ContractError(reason, "data", "entry names must be unique")
    for split in required:
        if split not in splits:
            raise ContractError(reason, "data", f"needs an entry with split {split}")
    for split in SINGLE_SPLITS:
        if splits.count(split) > 1:
            raise ContractError(reason, "data", f"at most one entry may have split {split}")
    return entries


def _parse_entry(fields: Fields) -> DataEntry:
    entry = DataEntry(
        name=fields.text("name", pattern=NAME, max_length=63),
        split=fields.choice("split", SPLITS),
        repository=fields.text("repository", pattern=REPOSITORY, max_length=255),
        digest=fields.digest("digest"),
    )
    fields.end()
    return entry
