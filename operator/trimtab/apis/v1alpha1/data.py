"""The data of an Experiment: four splits and one contract about their columns."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from trimtab.apis.markers import SET, Rule, list_map
from trimtab.apis.v1alpha1.meta import MEMBER_KEYS, Decimal, DnsLabel, MemberName, SpecModel

_HOST = "[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?"
_REPOSITORY = "[a-z0-9]+(([.]|_|__|-+|/)[a-z0-9]+)*"
_TAG = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
URI_PATTERN = f"^oci://{_HOST}/{_REPOSITORY}(:{_TAG})?(@sha256:[a-f0-9]{{64}})?$"

Split = Literal["train", "validation", "evaluation", "reference"]
Category = Annotated[str, StringConstraints(min_length=1, max_length=128)]
ColumnType = Literal["string", "double", "int", "bool"]


class DataSource(SpecModel):
    """One split and where it is stored."""

    rules: ClassVar = (
        Rule(
            f"self.uri.matches('{URI_PATTERN}')",
            "uri must have the form oci://<host>/<repository>:<tag> or oci://<host>/<repository>@sha256:<digest>",
        ),
        Rule(
            "self.uri.matches('[^/][:@][^/]+$')",
            "uri needs a tag or a digest: append :<tag> or @sha256:<digest>",
        ),
    )
    name: DnsLabel
    """Name of the entry in `status.data` and in the lineage of the ModelVersion."""
    split: Split
    """What the rows are for. `train` and `validation` are read by the trials, `reference` becomes the profile
    that live data is compared with, `evaluation` is seen by the evaluation Job only."""
    uri: Annotated[str, StringConstraints(max_length=512)]
    """`oci://<host>/<repository>:<tag>` or `oci://<host>/<repository>@sha256:<digest>`: an artifact with one
    CSV file (UTF-8, with a header line) per layer."""


class Range(SpecModel):
    """Bounds a number must keep."""

    rules: ClassVar = (
        Rule("has(self.min) || has(self.max)", "range needs min, max or both"),
        Rule(
            "!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",
            "min may not be greater than max",
        ),
    )
    min: Decimal | None = None
    """Smallest allowed value."""
    max: Decimal | None = None
    """Largest allowed value."""


class Column(SpecModel):
    """What the values of one column look like."""

    rules: ClassVar = (
        Rule("!has(self.range) || self.type in ['double', 'int']", "range is for double and int columns"),
        Rule("!has(self.categories) || self.type == 'string'", "categories are for string columns"),
    )
    type: ColumnType
    """string, double, int or bool."""
    nullable: bool = False
    """Whether values may be missing (an empty CSV field)."""
    range: Range | None = None
    """Bounds of a double or int column. A value outside fails the data as DataInvalid: it catches wrong units
    before anything is trained."""
    categories: Annotated[tuple[Category, ...], Field(max_length=100), SET] = ()
    """The allowed values of a string column. Any other value fails the data as DataInvalid."""


Columns = Annotated[dict[str, Column], Field(min_length=1, max_length=100), MEMBER_KEYS]


_SPECIAL = "[self.label, self.?timeColumn.orValue(''), self.?groupColumn.orValue('')]"


class DataContract(SpecModel):
    """What the columns of every split look like. The list is closed: any other column in a file is an error.

    The columns of a file are those in `columns` and the label, time and group columns. Features are those in
    `columns` that are none of these three.
    """

    rules: ClassVar = (
        Rule(
            "![self.?timeColumn.orValue(''), self.?groupColumn.orValue('')].exists(name, name == self.label)",
            "label may not be the time or group column as well",
        ),
        Rule(
            f"self.columns.exists(name, !(name in {_SPECIAL}))",
            "columns must declare at least one feature besides the label, time and group columns",
        ),
        Rule(
            f"{_SPECIAL}.all(name, !(name in self.columns) || !self.columns[name].?nullable.orValue(false))",
            "label, time and group columns may not be nullable",
        ),
        Rule(
            f"!{_SPECIAL}.exists(name, name.startsWith('trimtab_')) && "
            "!self.columns.exists(name, name.startsWith('trimtab_'))",
            "column names that start with trimtab_ are reserved: rename the column",
        ),
    )
    label: MemberName
    """The column to predict: two classes, written 0 and 1 or false and true. It needs no entry in `columns`,
    and is never a feature."""
    time_column: MemberName | None = None
    """The column that says when a row happened, as an ISO 8601 time; evaluation rows must come after training
    rows, unless `groupColumn` is given. It needs no entry in `columns`, and is never a feature."""
    group_column: MemberName | None = None
    """The column whose equal values belong together (a day, a customer). No group may be on both sides of
    training and evaluation, and intervals are computed over groups. It needs no entry in `columns`, and is
    never a feature."""
    columns: Columns
    """The columns of the files by name."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns a model may use, in the order in which it sees them: by name, as maps have none."""
        others = {self.label, self.time_column, self.group_column}
        return tuple(sorted(name for name in self.columns if name not in others))


DataSources = Annotated[
    tuple[DataSource, ...],
    Field(min_length=4, max_length=16),
    list_map("name"),
    Rule("self.exists(entry, entry.split == 'train')", "data needs an entry with split: train"),
    Rule("self.exists(entry, entry.split == 'validation')", "data needs an entry with split: validation"),
    Rule(
        "self.exists_one(entry, entry.split == 'evaluation')",
        "data needs exactly one entry with split: evaluation",
    ),
    Rule(
        "self.exists_one(entry, entry.split == 'reference')",
        "data needs exactly one entry with split: reference",
    ),
]
