"""Traces across processes: headers, slugs, addresses; with the official SDK on either side."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import textwrap
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from opentelemetry import baggage, propagate, trace
from opentelemetry import context as otel_context
from opentelemetry.propagators.composite import CompositePropagator

from otel_braintrust import (
    BraintrustPropagator,
    SpanSlugMiddleware,
    export_span,
    extract,
    inject,
    log_feedback,
    permalink,
    start_span,
)
from otel_braintrust.delivery.destinations import ParentError
from otel_braintrust.slugs import Slug, decode_slug, encode_slug
from tests.annotate.conftest import PROJECT, Process

TRACE = "000102030405060708090a0b0c0d0e0f"
SPAN = "0123456789abcdef"
PARENT = f"braintrust.parent=project_name%3A{PROJECT}"


def headers_of(inbound: dict[str, str], carrier: dict[str, str] | None = None) -> dict[str, str]:
    """What a service sends on that was called with these headers."""
    headers = dict(carrier or {})
    with start_span("server", parent=extract(inbound)):
        inject(headers)
    return headers


def inbound(**headers: str) -> dict[str, str]:
    return {"traceparent": f"00-{TRACE}-{SPAN}-01", **headers}


def test_headers_name_the_span_and_the_project(process: Process) -> None:
    headers: dict[str, str] = {}
    with start_span("client") as span:
        inject(headers)
        ids = span.get_span_context()
    assert headers == {
        "traceparent": f"00-{ids.trace_id:032x}-{ids.span_id:016x}-{ids.trace_flags:02x}",
        "baggage": PARENT,
    }
    by_hand: dict[str, str] = {}
    inject(by_hand, span=span)
    assert by_hand == headers


def test_without_a_span_nothing_is_written(process: Process) -> None:
    headers = {"Baggage": "a=b"}
    inject(headers)
    assert headers == {"Baggage": "a=b"}


def test_members_of_others_go_on_byte_for_byte(process: Process) -> None:
    foreign = "path=a%2Fb;prop=1;x, k%20y=v+w ,lower=%c3%bc"
    sent = headers_of(inbound(baggage=f"{foreign},braintrust.parent=project_name%3Aelse+where"))
    assert sent["baggage"].split(",") == [
        "path=a%2Fb;prop=1;x",
        "k%20y=v+w",
        "lower=%c3%bc",
        "braintrust.parent=project_name%3Aelse%2Bwhere",
    ]


def test_what_the_application_changes_in_the_baggage_goes_on_changed(process: Process) -> None:
    context = extract(inbound(baggage="kept=a%2Fb,changed=%31,removed=x"))
    context = baggage.set_baggage("changed", "two words", context)
    context = baggage.remove_baggage("removed", context)
    headers: dict[str, str] = {}
    with start_span("server", parent=context):
        inject(headers)
    assert headers["baggage"] == f"kept=a%2Fb,changed=two%20words,{PARENT}"


def test_headers_that_are_there_in_any_spelling_are_replaced(process: Process) -> None:
    there = {"TraceParent": "old", "BAGGAGE": "mine=1,Braintrust.Parent=x", "Other": "o"}
    sent = headers_of(inbound(), there)
    assert sorted(sent) == ["Other", "baggage", "traceparent"]
    assert sent["baggage"] == f"mine=1,Braintrust.Parent=x,{PARENT}"


@pytest.mark.parametrize("spelling", ["traceparent", "Traceparent", "TRACEPARENT"])
def test_names_are_read_in_any_spelling(process: Process, spelling: str) -> None:
    headers = {spelling: f"00-{TRACE}-{SPAN}-01"}
    if spelling != "traceparent":
        headers["BagGage"] = "braintrust.parent=project_name:other"
    with start_span("server", parent=extract(headers)):
        pass
    rows = process.rows(PROJECT if spelling == "traceparent" else "other")
    assert rows["server"]["root_span_id"] == TRACE
    assert rows["server"]["span_parents"] == [SPAN]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        f"01-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01-extra",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01\n00-{TRACE}-{SPAN}-01",
    ],
)
def test_a_traceparent_that_cannot_be_read_begins_a_new_trace(process: Process, text: str) -> None:
    with start_span("outer"), start_span("server", parent=extract({"traceparent": text})):
        pass
    row = process.rows()["server"]
    assert not row["span_parents"]
    assert row["root_span_id"] != TRACE


@pytest.mark.parametrize("flags", ["01", "03", "ff"])
def test_flags_and_state_go_out_as_they_came_in(process: Process, flags: str) -> None:
    state = "vendor=opaque==,  other@x=1"
    sent = headers_of({"traceparent": f"00-{TRACE}-{SPAN}-{flags}", "tracestate": state})
    assert sent["traceparent"].endswith(f"-{flags}")
    assert sent["tracestate"] == state


def test_baggage_keeps_to_its_limits_and_our_member_always_fits(process: Process) -> None:
    many = ",".join(f"k{number}=v" for number in range(100))
    sent = headers_of(inbound(baggage=many))["baggage"].split(",")
    assert len(sent) == 64
    assert sent[-1] == PARENT
    assert sent[:-1] == [f"k{number}=v" for number in range(63)]

    long = ",".join([f"a={'x' * 5000}", f"b={'y' * 5000}", "c=z"])
    sent_long = headers_of(inbound(baggage=long))["baggage"]
    assert len(sent_long.encode()) <= 8192
    assert sent_long == f"a={'x' * 5000},{PARENT}"


@pytest.mark.parametrize("value", ["", ":", "project_id:", "nonsense:x", "%00%ff", None])
def test_baggage_of_any_kind_harms_nothing(process: Process, value: str | None) -> None:
    header = f"braintrust.parent={value},=,;;,a,b==,%=%" if value is not None else ",,,"
    sent = headers_of(inbound(baggage=header))
    assert sent["baggage"].endswith(PARENT)
    assert process.rows()["server"]["span_parents"] == [SPAN]


def test_a_slug_in_baggage_is_not_followed(process: Process) -> None:
    slug = encode_slug(Slug("project_logs", object_arguments={"project_name": "sneaky"}))
    sent = headers_of(inbound(baggage=f"braintrust.parent={slug.replace('=', '%3D')}"))
    assert sent["baggage"].endswith(PARENT)
    assert "server" in process.rows()


def test_odd_project_names_survive_the_way(process: Process) -> None:
    name = 'a b+c,d;e="ü%41\\'
    headers: dict[str, str] = {}
    with start_span("client", parent=f"project_name:{name}"):
        inject(headers)
    assert headers["baggage"].isascii()
    assert not set(' ,;"\\') & set(headers["baggage"].partition("=")[2])
    with start_span("server", parent=extract(headers)):
        pass
    rows = process.rows(name)
    assert rows["server"]["span_parents"] == [rows["client"]["span_id"]]


def test_instrumented_libraries_carry_it_by_the_global_propagator(
    process: Process, request: pytest.FixtureRequest
) -> None:
    before = propagate.get_global_textmap()
    request.addfinalizer(lambda: propagate.set_global_textmap(before))
    propagate.set_global_textmap(CompositePropagator([BraintrustPropagator()]))
    headers: dict[str, str] = {}
    with start_span("client", parent="project_name:other"):
        propagate.inject(headers)
    token = otel_context.attach(propagate.extract(headers))
    with trace.get_tracer("framework").start_as_current_span("server"):
        pass
    otel_context.detach(token)
    rows = process.rows("other")
    assert rows["server"]["span_parents"] == [rows["client"]["span_id"]]


def test_a_slug_continues_a_trace_of_any_kind_of_ids(process: Process) -> None:
    uuid_slug = Slug(
        "project_logs",
        object_arguments={"project_name": "other"},
        row_id="r",
        span_id="11111111-2222-3333-4444-555555555555",
        root_span_id="66666666-2222-3333-4444-555555555555",
        propagated_event={"metadata": {"run": 7}, "span_attributes": {"purpose": "scorer"}},
    )
    for version in (3, 4):
        parent = encode_slug(uuid_slug, version=version)
        with (
            start_span(f"child {version}", parent=parent),
            start_span(f"grandchild {version}", metadata={"own": 1}),
        ):
            slug = decode_slug(export_span())
        assert slug.root_span_id == uuid_slug.root_span_id
        assert slug.propagated_event == uuid_slug.propagated_event
    rows = process.rows("other")
    for version in (3, 4):
        child, grandchild = rows[f"child {version}"], rows[f"grandchild {version}"]
        assert child["root_span_id"] == grandchild["root_span_id"] == uuid_slug.root_span_id
        assert child["span_parents"] == [uuid_slug.span_id]
        assert grandchild["span_parents"] == [child["span_id"]]
        assert grandchild["metadata"]["run"] == 7
        assert grandchild["metadata"]["own"] == 1
        assert grandchild["span_attributes"]["purpose"] == "scorer"


def test_a_slug_of_ours_continues_the_same_trace(process: Process) -> None:
    with start_span("root") as root:
        slug = export_span()
    assert decode_slug(slug).hex_ids is not None
    for version in (3, 4):
        text = export_span(root, version=version)
        with start_span(f"worker {version}", parent=text):
            pass
    rows = process.rows()
    for version in (3, 4):
        assert rows[f"worker {version}"]["span_parents"] == [rows["root"]["span_id"]]
        assert rows[f"worker {version}"]["root_span_id"] == rows["root"]["root_span_id"]


def test_a_parent_that_cannot_be_read_is_an_error_that_says_why(process: Process) -> None:
    with pytest.raises(ParentError, match="span slug"):
        start_span("s", parent="garbage")


def test_addresses_lead_to_the_span(process: Process) -> None:
    with start_span("answer") as span:
        row_id = f"{span.get_span_context().span_id:016x}"
        by_name = permalink(org_name="my org")
        slug = Slug("project_logs", "p1", None, row_id, row_id, TRACE)
    assert by_name == (f"{process.server.url}/app/my%20org/p/{PROJECT}/logs?oid={row_id}")
    assert permalink(span, org_name="my org") == by_name
    address = permalink(encode_slug(slug), org_name="o", app_url="https://example.org/")
    assert address.startswith("https://example.org/app/o/object?")
    assert parse_qs(urlsplit(address).query) == {
        "object_type": ["project_logs"],
        "object_id": ["p1"],
        "id": [row_id],
    }
    assert permalink().endswith("/noop-span")
    assert permalink(span).endswith("?msg=login-or-provide-org-name")
    process.rows()
    assert requests.get(by_name, timeout=10).status_code == 200


def test_the_middleware_tells_which_span_an_answer_came_from(process: Process) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        with start_span("work"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b""})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/chat",
        "headers": [(b"traceparent", f"00-{TRACE}-{SPAN}-01".encode())],
    }
    asyncio.run(SpanSlugMiddleware(app)(scope, None, send))  # type: ignore[arg-type]
    headers = dict(sent[0]["headers"])
    assert headers[b"a"] == b"b"
    slug = headers[b"x-braintrust-span"].decode()
    log_feedback(slug, scores={"thumbs": 1})
    rows = process.rows()
    assert rows["POST /chat"]["scores"] == {"thumbs": 1}
    assert rows["POST /chat"]["span_parents"] == [SPAN]
    assert rows["work"]["span_parents"] == [rows["POST /chat"]["span_id"]]


def sdk(process: Process, script: str, argument: str, **settings: str) -> str:
    """Run a script with the official SDK in a process of its own; its last line is returned."""
    environment = {
        **settings,
        "BRAINTRUST_API_URL": process.server.url,
        "BRAINTRUST_APP_URL": process.server.url,
        "BRAINTRUST_API_KEY": process.server.api_key,
        "PATH": os.environ["PATH"],
    }
    finished = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), argument],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip().rpartition("\n")[2]


FIRST_SERVICE = f"""
    import json
    import braintrust

    logger = braintrust.init_logger(project="{PROJECT}")
    with logger.start_span(name="first") as span:
        span.log(input="question")
        print(json.dumps([span.export(), span.inject({{"baggage": "their=a%2Fb"}})]))
    logger.flush()
"""
LAST_SERVICE = f"""
    import json, sys
    import braintrust

    logger = braintrust.init_logger(project="{PROJECT}")
    slug, headers = json.loads(sys.argv[1])
    with braintrust.start_span(name="last by slug", parent=slug) as span:
        span.log(output="by slug")
    with braintrust.start_span(
        name="last by headers", parent=braintrust.extract_trace_context(headers)
    ) as span:
        span.log(output="by headers")
    braintrust.update_span(exported=slug, metadata={{"updated by": "official"}})
    logger.flush()
"""


@pytest.mark.parametrize("way", ["slug", "headers"])
def test_a_trace_official_sdk_to_us_to_official_sdk_is_one_tree(process: Process, way: str) -> None:
    slug, headers = json.loads(sdk(process, FIRST_SERVICE, ""))
    sent: dict[str, str] = {}
    with start_span("ours", parent=slug if way == "slug" else extract(headers)) as span:
        inject(sent)
        mine = span.export()
    process.rows()
    sdk(process, LAST_SERVICE, json.dumps([mine, sent]))

    rows = process.rows()
    assert rows["ours"]["span_parents"] == [rows["first"]["span_id"]]
    assert rows["last by slug"]["span_parents"] == [rows["ours"]["span_id"]]
    assert rows["last by headers"]["span_parents"] == [rows["ours"]["span_id"]]
    assert len({row["root_span_id"] for row in rows.values()}) == 1
    assert rows["ours"]["metadata"]["updated by"] == "official"
    if way == "headers":
        assert sent["baggage"].startswith("their=a%2Fb,")


@pytest.mark.parametrize("version", [3, 4])
def test_a_trace_of_an_official_sdk_that_makes_uuids_is_one_tree_too(
    process: Process, version: int
) -> None:
    first = FIRST_SERVICE.replace("span.inject({", "dict({")  # it injects nothing with such ids
    slug, _ = json.loads(sdk(process, first, "", BRAINTRUST_LEGACY_IDS="1"))
    with start_span("ours", parent=slug) as span:
        mine = span.export() if version == 4 else export_span(span, version=3)
    process.rows()
    last = LAST_SERVICE.replace("braintrust.extract_trace_context(headers)", "slug")
    legacy = {"BRAINTRUST_LEGACY_IDS": "1"} if version == 3 else {}
    sdk(process, last, json.dumps([mine, {}]), **legacy)

    rows = process.rows()
    assert "-" in rows["first"]["span_id"]
    assert rows["ours"]["span_parents"] == [rows["first"]["span_id"]]
    below = ("last by slug", "last by headers")
    for name in below:
        [parent] = rows[name]["span_parents"]
        assert parent.replace("-", "") == rows["ours"]["span_id"].replace("-", "")
    assert len({row["root_span_id"] for row in rows.values()}) == 1
    assert rows["ours"]["metadata"]["updated by"] == "official"
