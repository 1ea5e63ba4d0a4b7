"""The reader refuses every page that is not wholly valid, and names the family."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.unit.runtime.server.samples import DIGEST, OTHER_DIGEST, PROFILE, PROFILE_DIGEST, counters

from trimtab_runtime.contract.errors import ContractError, Reason
from trimtab_runtime.contract.page import PageReader, ServerPage
from trimtab_runtime.contract.serving import LIVE, MAX_PAGE_BYTES, TYPES

Change = Callable[[str], str]
PAGE = counters().page().decode()
ROWS = 'trimtab_rows_total{traffic="live"} 0'
TEMP = 'trimtab_feature_rows_total{traffic="live",feature="temp",bucket="0"} 0'
DEWP = TEMP.replace("temp", "dewp")
UNSEEN = 'trimtab_feature_rows_total{traffic="live",feature="temp",bucket="unseen"} 0'
TOP = 'trimtab_request_duration_seconds_bucket{traffic="live",le="10"} 0'


def read(page: str | bytes, reader: PageReader | None = None) -> ServerPage:
    reader = reader or PageReader(DIGEST, PROFILE_DIGEST, PROFILE)
    return reader.read(page.encode() if isinstance(page, str) else page)


def swap(old: str, new: str) -> Change:
    def change(page: str) -> str:
        assert old in page
        return page.replace(old, new)

    return change


def without(text: str) -> Change:
    return lambda page: "".join(line for line in page.splitlines(keepends=True) if text not in line)


@pytest.mark.parametrize(
    ("why", "change", "family"),
    [
        ("not metrics at all", lambda page: "<html>\n", "trimtab_server_info"),
        ("empty", lambda page: "", "page"),
        ("cut off", lambda page: page[:-3], "page"),
        ("not a sample", swap(ROWS, "what is this"), "page"),
        ("not ASCII", swap(ROWS, ROWS + "\n# \u00e9"), "page"),
        ("too large", lambda page: page + "# \n" * (MAX_PAGE_BYTES // 3), "page"),
        ("NaN", swap(ROWS, ROWS[:-1] + "NaN"), "trimtab_rows_total"),
        ("infinite", swap(ROWS, ROWS[:-1] + "+Inf"), "trimtab_rows_total"),
        ("negative", swap(ROWS, ROWS[:-1] + "-1"), "trimtab_rows_total"),
        ("fractional", swap(ROWS, ROWS[:-1] + "1.5"), "trimtab_rows_total"),
        ("beyond exact floats", swap(ROWS, ROWS[:-1] + "1e17"), "trimtab_rows_total"),
        ("a time stamp", swap(ROWS, ROWS + " 1700000000"), "page"),
        ("a series twice", swap(ROWS, f"{ROWS}\n{ROWS}"), "page"),
        ("an unknown bucket", swap(TEMP, TEMP.replace('"0"', '"3"')), "trimtab_feature_rows_total"),
        ("a bucket with a zero", swap(TEMP, TEMP.replace('"0"', '"00"')), "trimtab_feature_rows_total"),
        ("a bucket is missing", without(UNSEEN), "trimtab_feature_rows_total"),
        (
            "an unknown feature",
            swap(TEMP, f"{TEMP}\n{TEMP.replace('temp', 'dewp')}"),
            "trimtab_feature_rows_total",
        ),
        ("unknown traffic", swap(ROWS, f"{ROWS}\n{ROWS.replace('live', 'dark')}"), "trimtab_rows_total"),
        ("an unknown label", swap(ROWS, ROWS.replace("traffic", "kind")), "trimtab_rows_total"),
        ("one label more", swap(ROWS, ROWS.replace("}", ',x="y"}')), "trimtab_rows_total"),
        ("an escaped label", swap(ROWS, ROWS.replace("live", "li\\ve")), "trimtab_rows_total"),
        ("another contract", swap('contract="1"', 'contract="2"'), "trimtab_server_info"),
        ("another model", swap(DIGEST, OTHER_DIGEST), "trimtab_server_info"),
        ("another profile", swap(PROFILE_DIGEST, OTHER_DIGEST), "trimtab_server_info"),
        ("info is not 1", swap(f'{PROFILE_DIGEST}"}} 1', f'{PROFILE_DIGEST}"}} 2'), "trimtab_server_info"),
        ("durations fall", swap(TOP, TOP[:-1] + "3"), "trimtab_request_duration_seconds_bucket"),
        (
            "more errors than connections",
            swap('error_connections_total{traffic="live"} 0', 'error_connections_total{traffic="live"} 1'),
            "trimtab_error_connections_total",
        ),
    ],
)
def test_refuses(why: str, change: Change, family: str) -> None:
    with pytest.raises(ContractError) as refused:
        read(change(PAGE))
    assert (refused.value.reason, refused.value.field) == (Reason.PAGE_INVALID, family), why


@pytest.mark.parametrize("family", TYPES)
def test_refuses_a_page_without_a_family(family: str) -> None:
    with pytest.raises(ContractError, match=family):
        read(without(family)(PAGE))
    with pytest.raises(ContractError, match=family):
        read(PAGE.replace(f"# TYPE {family} {TYPES[family]}", f"# TYPE {family} untyped"))


def test_accepts_what_a_later_server_may_add_and_other_ways_to_write_a_number() -> None:
    page = PAGE.replace(ROWS, ROWS[:-1] + "2.5e+01") + '# HELP new It is new.\nnew{a="b"} -3.5\n'
    assert read(page).counts.rows() == 25


def test_without_a_profile_the_buckets_must_be_complete_in_themselves() -> None:
    reader = PageReader(DIGEST, PROFILE_DIGEST)
    assert read(PAGE, reader).counts.features == ("temp", "hour", "carrier", "weekend")
    for broken in (without(UNSEEN), without(TEMP), swap(TEMP, TEMP.replace('"0"', '"7"'))):
        with pytest.raises(ContractError, match="trimtab_feature_rows_total"):
            read(broken(PAGE), reader)


def test_a_reader_is_as_strict_with_its_second_page() -> None:
    reader = PageReader(DIGEST, PROFILE_DIGEST, PROFILE)
    read(PAGE, reader)
    with pytest.raises(ContractError):
        read(PAGE.replace(ROWS, ROWS[:-1] + "-1"), reader)
    with pytest.raises(ContractError):
        read(without(UNSEEN)(PAGE), reader)
    assert read(PAGE, reader).counts.rows() == 0


def test_differences_and_sums() -> None:
    counted = counters()
    first = read(counted.page())
    counted.answered(LIVE, 500, 0.1)
    counted.label(OTHER_DIGEST, 3, "1", "0")
    second = read(counted.page())
    grown = second.since(first)
    assert grown.requests() == grown.requests("5xx") == 1
    assert (grown + grown).requests("5xx") == 2
    assert sum((grown + grown).feedback().values()) == 2
    with pytest.raises(ContractError, match="fell"):
        first.since(second)
    other_process = read(PAGE.replace("1700000000.5", "1700000009.5"))
    with pytest.raises(ValueError, match="two processes"):
        other_process.since(first)
