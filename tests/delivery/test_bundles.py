"""Rows that are encoded together are the same rows, whatever becomes of their request."""

from __future__ import annotations

import json
from itertools import groupby
from operator import itemgetter
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from otel_braintrust.accounts import Ticket
from otel_braintrust.delivery.bundling import Bundler
from otel_braintrust.delivery.consignments import Consignment, Unit, whole_bundles
from otel_braintrust.delivery.destinations import Destination, Projects
from otel_braintrust.delivery.http import Connection
from otel_braintrust.delivery.limits import Limits
from otel_braintrust.delivery.packing import body_of, pack
from otel_braintrust.delivery.parcels import Parcel, address

HERE = Destination("project_id", "p")
THERE = Destination("experiment_id", 'an "odd",\n} one')
CONTAINERS = {
    HERE: {"project_id": "p", "log_id": "g"},
    THERE: {"experiment_id": 'an "odd",\n} one'},
}
TEXTS = st.text(st.characters(codec="utf-8") | st.sampled_from('\n}{",:[]\\'), max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
ROWS = st.lists(
    st.tuples(
        st.fixed_dictionaries({"id": TEXTS, "input": VALUES}), st.sampled_from([HERE, THERE])
    ),
    min_size=2,
    max_size=12,
)
Rows = list[tuple[dict[str, Any], Destination]]


def new_bundler(max_bytes: int | None = None, max_rows: int = 512) -> Bundler:
    connection = Connection(
        api_key="k", app_url="http://x", api_url=None, org_name=None, http_timeout_s=1.0
    )
    return Bundler(Projects(connection), Limits(max_bytes, max_rows))


def bundled(
    rows: Rows,
    *,
    max_bytes: int | None = None,
    max_rows: int = 512,
    span_bytes: int = 100,
) -> Consignment:
    """The rows, neighbours with the same destination encoded together."""
    bundler = new_bundler(max_bytes, max_rows)
    units: list[Unit] = []
    for place, group in groupby(rows, itemgetter(1)):
        own = [dict(row) for row, _ in group]
        tickets = [Ticket(None, None, span_bytes) for _ in own]
        for part, bundle in bundler.bundles(tickets, own, place):
            if bundle is not None:
                units.append(bundle)
                continue
            alone = [Parcel(orjson.dumps(row), place) for row in own[part]]
            if place in CONTAINERS:
                address(alone, CONTAINERS[place])
            units += alone
    return Consignment(units)


@given(ROWS)
def test_rows_encoded_together_make_the_body_of_a_request(
    rows: Rows,
) -> None:
    body = json.loads(body_of(bundled(rows)))
    assert body == {
        "rows": [{**row, **CONTAINERS[place]} for row, place in rows],
        "api_version": 2,
    }


@given(ROWS, st.data())
def test_rows_can_be_cut_out_of_a_bundle_again(rows: Rows, data: st.DataObject) -> None:
    parcels = bundled(rows)
    some = data.draw(st.lists(st.sampled_from(range(len(rows))), unique=True))
    assert [parcels[each].row for each in some] == [orjson.dumps(rows[each][0]) for each in some]
    assert len(parcels) == len(rows)
    body = json.loads(body_of(parcels))
    assert body["rows"] == [{**row, **CONTAINERS[place]} for row, place in rows]
    assert [parcel.row for parcel in parcels] == [orjson.dumps(row) for row, _ in rows]


def test_a_part_of_a_bundle_is_a_request_of_its_own() -> None:
    rows = [({"id": str(number)}, HERE) for number in range(4)]
    body = json.loads(body_of(bundled(rows)[1:3]))
    assert [row["id"] for row in body["rows"]] == ["1", "2"]


def test_a_row_whose_container_is_another_one_by_now_leaves_its_bundle() -> None:
    rows = [({"id": str(number)}, HERE) for number in range(3)]
    parcels = bundled(rows)
    address(parcels[1:2], {"project_id": "moved", "log_id": "g"})
    body = json.loads(body_of(parcels))
    assert [row["project_id"] for row in body["rows"]] == ["p", "moved", "p"]
    assert [row["id"] for row in body["rows"]] == ["0", "1", "2"]


def test_what_orjson_does_not_write_leaves_rows_as_they_were() -> None:
    rows = [{"id": "1"}, {"id": "2", "input": 2**70}]
    tickets = [Ticket(None, None) for _ in rows]
    assert [bundle for _, bundle in new_bundler().bundles(tickets, rows, HERE)] == [None]
    assert rows == [{"id": "1"}, {"id": "2", "input": 2**70}]


def test_rows_stay_in_their_bundle_until_somebody_asks_for_one() -> None:
    parcels = bundled([({"id": str(number)}, HERE) for number in range(4)])
    body = body_of(parcels)
    (batch,) = pack(parcels, max_bytes=10_000, max_rows=100)
    assert len(batch) == 4
    assert whole_bundles(batch) == whole_bundles(parcels) != []
    batch[2].failures = 1
    assert whole_bundles(batch) == whole_bundles(parcels) == []
    assert [each.failures for each in parcels] == [0, 0, 1, 0]
    assert body_of(batch) == body_of(list(parcels)) == body


@given(
    st.lists(st.integers(0, 3000), min_size=1, max_size=40),
    st.integers(1024, 6000),
    st.integers(1, 20),
)
def test_bundles_are_sent_within_the_limits_of_a_request(
    sizes: list[int], max_bytes: int, max_rows: int
) -> None:
    rows = [({"id": str(n), "input": "x" * size}, HERE) for n, size in enumerate(sizes)]
    parcels = bundled(rows, max_bytes=max_bytes, max_rows=max_rows, span_bytes=1000)
    batches = list(pack(parcels, max_bytes=max_bytes, max_rows=max_rows))
    assert [each for batch in batches for each in batch] == list(parcels)
    for batch in batches:
        assert len(batch) == 1 or len(body_of(batch)) <= max_bytes
        assert len(batch) <= max_rows


def test_large_rows_are_encoded_alone() -> None:
    rows = [({"id": str(number), "input": "x" * 300_000}, HERE) for number in range(4)]
    assert {parcel.bundle for parcel in bundled(rows, span_bytes=300_000)} == {None}


def test_a_project_known_by_name_only_is_not_asked_for_to_encode_rows() -> None:
    rows = [({"id": str(number)}, Destination("project_name", "p")) for number in range(2)]
    assert [parcel.bundle for parcel in bundled(rows)] == [None, None]


def test_rows_that_were_sent_together_are_known_as_sent_when_they_are_asked_for() -> None:
    parcels = bundled([({"id": "a"}, HERE), ({"id": "b"}, HERE)])
    for bundle in whole_bundles(parcels):
        for ticket in bundle.tickets:
            ticket.column = "sent"
    assert [parcel.is_settled for parcel in parcels] == [True, True]
