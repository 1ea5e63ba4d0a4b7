"""The data of an Experiment: four splits and one contract about their columns."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from trimtab.apis.markers import SET
from trimtab.apis.v1alpha1.meta import MEMBER_KEYS, Decimal, DnsLabel, MemberName, SpecModel

URI_PATTERN = r"^oci://[^ /@]+(/[^ /:@]+)+(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|@sha256:[a-f0-9]{64})$"

Split = Literal["train", "validation", "evaluation", "reference"]
Category = Annotated[str, StringConstraints(min_length=1, max_length=128)]
ColumnType = Literal["string", "double", "int", "bool"]


class DataSource(SpecModel):
    """One split and where it is stored."""

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

    min: Decimal | None = None
    """Smallest allowed value."""
    max: Decimal | None = None
    """Largest allowed value."""


class Column(SpecModel):
    """What the values of one column look like."""

    type: ColumnType
    """string, double, int or bool."""
    nullable: bool = False
    """Whether values may be missing (an empty CSV field)."""
    range: Range | None = None
    """Bounds of a double or int column. A value outside fails the data as DataInvalid: it catches wrong units
    before anything is trained."""
    categories: Annotated[tuple[Category, ...], Field(max_length=100), SET] = ()
    """The allowed values of a string column. Any other value fails the data as DataInvalid."""


Columns = Annotated[dict[str, Column], Field(min_length=2, max_length=100), MEMBER_KEYS]


class DataContract(SpecModel):
    """The columns of every split. The list is closed: a column that is not declared fails as DataInvalid.

    Features are all declared columns but `label`, `timeColumn` and `groupColumn`.
    """

    label: MemberName
    """The column to predict. It must be declared in `columns`."""
    time_column: MemberName | None = None
    """The column that says when a row happened; evaluation rows must come after training rows, unless
    `groupColumn` is given. It must be declared in `columns`, and is never a feature."""
    group_column: MemberName | None = None
    """The column whose equal values belong together (a day, a customer). No group may be on both sides of
    training and evaluation, and intervals are computed over groups. It must be declared in `columns`, and is
    never a feature."""
    columns: Columns
    """Every column of the files by name, label, time and group columns included."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns a model may use, in declared order."""
        others = {self.label, self.time_column, self.group_column}
        return tuple(name for name in self.columns if name not in others)
