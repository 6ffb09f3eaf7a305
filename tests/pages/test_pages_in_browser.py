"""What a reader sees and does, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.pages.sample_traces import PIXEL, QUESTION, assistant, model_call, span, support_trace

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

TRACE = "0af7651916cd43dd8448eb211c80319c"
LOGS = "/app/local/p/shop-support/logs"
Open = Callable[..., "Page"]
Log = Callable[..., None]


def chosen(page: Page) -> str:
    """The name in the row of the tree that is chosen."""
    return page.locator(".row.chosen .name").inner_text()


def names(page: Page) -> list[str]:
    """The names in the tree from top to bottom."""
    page.wait_for_selector(".row")
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('.row')].sort((a, b) => a.dataset.index - b.dataset.index)"
        ".map((row) => row.querySelector('.name').textContent)"
    )
    return found


def test_the_list_shows_a_trace_in_words(open_page: Open, log: Log) -> None:
    log(support_trace())
    page = open_page("/")
    row = page.locator("tbody tr")
    expect(row).to_have_count(1)
    expect(row.locator(".said")).to_have_text(QUESTION)
    expect(row.locator(".answered")).to_contain_text("I'm sorry about the wait.")
    expect(row).to_contain_text("6.42 s")
    expect(row).to_contain_text("1,334 / 272")
    expect(row).to_contain_text("$0.0009")
    expect(row).to_contain_text("helpful92%")
    expect(row).to_contain_text("u_4711")
    expect(row.locator(".dot")).to_have_attribute("title", "Succeeded, with an error inside")
    assert "shop-support" in page.title()


def test_a_click_on_a_row_opens_its_trace_and_back_returns(open_page: Open, log: Log) -> None:
    log(support_trace())
    page = open_page(LOGS)
    page.locator("tbody tr .said").click()
    expect(page.locator("h1")).to_have_text("answer_ticket")
    assert f"r={TRACE}" in page.url
    page.go_back()
    expect(page.locator("tbody tr")).to_have_count(1)


def test_the_trace_page_shows_the_tree_with_its_runs_folded(open_page: Open, log: Log) -> None:
    log(support_trace())
    page = open_page(f"{LOGS}?r={TRACE}")
    assert names(page) == [
        "answer_ticket",
        "chat gpt-4.1-mini",
        "lookup_order",
        "search_terms",
        "12 × embed",
        "rerank",
        "lookup_order",
        "chat gpt-4.1-mini",
        "grounded",
    ]
    for fact in ("6.42 s", "20 spans", "14 model calls", "1,334 / 272", "1 error"):
        expect(page.locator(".facts")).to_contain_text(fact)


def test_a_chosen_span_shows_its_conversation(open_page: Open, log: Log) -> None:
    log(support_trace())
    page = open_page(f"{LOGS}?r={TRACE}")
    page.locator(".row", has_text="chat gpt-4.1-mini").last.click()
    shown = page.locator("#span")
    expect(shown.locator("h2")).to_have_text("chat gpt-4.1-mini")
    expect(shown.locator(".part-input .role")).to_have_text(["system", "user", "assistant"])
    first = shown.locator(".part-input .call").first
    expect(first.locator(".callhead")).to_have_text("lookup_order")
    expect(first.locator(".result")).to_contain_text("at depot")
    expect(shown.locator(".part-output strong").first).to_have_text("A-1042")
    expect(shown.locator(".part-output .reasoning")).not_to_have_attribute("open", "")
    shown.locator(".part-output .reasoning summary").click()
    expect(shown.locator(".part-output .reasoning")).to_contain_text("allow a refund from day 3")
    expect(shown.locator(".figures")).to_contain_text("706 in / 214 out (64 reasoning)")
    expect(shown.locator(".figures")).to_contain_text("610 ms")
    expect(shown.locator(".part-metadata")).to_contain_text("gpt-4.1-mini-2025-04-14")
    expect(shown.locator(".part-metrics")).to_contain_text("completion_tokens214")
    shown.locator(".part-output .view", has_text="JSON").click()
    expect(shown.locator(".part-output .json")).to_contain_text("finish_reason")
    shown.locator(".raw summary").click()
    expect(shown.locator(".raw .source")).to_contain_text('"root_span_id": "0af7651916cd43dd')


def test_an_error_is_read_from_its_end(open_page: Open, log: Log) -> None:
    log(support_trace())
    page = open_page(f"{LOGS}?r={TRACE}&s=c100000000000003")
    error = page.locator(".part-error")
    expect(error.locator(".message")).to_have_text(
        "httpx.ReadTimeout: The read operation timed out after 2.0 s"
    )
    expect(error.locator(".frame b")).to_have_text(["get", "lookup_order", "answer"])


def test_scores_and_a_differing_expectation_are_shown(open_page: Open, log: Log) -> None:
    log(
        [
            span(
                "a1",
                "sum",
                start_s=1.0,
                lasted_s=1.0,
                output="The answer is 41.",
                expected="The answer is 42.",
                scores={"exact": 0},
            )
        ]
    )
    page = open_page(f"{LOGS}?r={TRACE}")
    expect(page.locator(".part-expected del")).to_have_text("41")
    expect(page.locator(".part-expected ins")).to_have_text("42")
    expect(page.locator(".part-scores")).to_contain_text("exact0%")


def test_keys_walk_the_tree_and_find_errors(open_page: Open, log: Log) -> None:
    log(support_trace())
    page = open_page(f"{LOGS}?r={TRACE}")
    page.wait_for_selector(".row.chosen")
    assert chosen(page) == "answer_ticket"
    page.keyboard.press("j")
    assert chosen(page) == "chat gpt-4.1-mini"
    page.keyboard.press("k")
    assert chosen(page) == "answer_ticket"
    page.keyboard.press("ArrowLeft")
    assert names(page) == ["answer_ticket"]
    page.keyboard.press("ArrowRight")
    assert len(names(page)) == 9
    page.keyboard.press("e")
    assert chosen(page) == "lookup_order"
    expect(page.locator("#span .part-error")).to_be_visible()
    assert "s=c100000000000003" in page.url
    for key in "jj":
        page.keyboard.press(key)
    assert chosen(page) == "12 × embed"
    page.keyboard.press("ArrowRight")
    assert names(page).count("embed") == 12
    page.keyboard.press("End")
    assert chosen(page) == "grounded"
    page.keyboard.press("Escape")
    page.wait_for_selector("tbody tr")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector(".row.chosen")


def test_an_error_inside_a_folded_run_is_found_and_opened(open_page: Open, log: Log) -> None:
    rows = [span("top", "batch", "task", start_s=0.0, lasted_s=50.0)]
    rows += [
        span(f"e{n}", "embed", parents=["top"], start_s=float(n), lasted_s=0.5)
        | ({"error": "boom"} if n == 17 else {})
        for n in range(30)
    ]
    log(rows)
    page = open_page(f"{LOGS}?r={TRACE}")
    assert names(page) == ["batch", "30 × embed"]
    expect(page.locator(".row .mark")).to_have_text("1 error")
    page.keyboard.press("e")
    expect(page.locator("#span .part-error")).to_contain_text("boom")
    assert names(page).count("embed") == 30


def test_an_address_leads_back_to_the_same_span(open_page: Open, log: Log) -> None:
    log(support_trace())
    page = open_page(f"{LOGS}?r={TRACE}&s=e000000000000007")
    expect(page.locator(".row.chosen .name")).to_have_text("embed")
    expect(page.locator("#span")).to_contain_text("Terms of sale, section 8")
    by_row = open_page(f"{LOGS}?r=c2b0000000000006&s=c2b0000000000006")
    expect(by_row.locator(".row.chosen .name")).to_have_text("rerank")


def test_orphans_cycles_and_second_parents_are_marked(open_page: Open, log: Log) -> None:
    log(
        [
            span("a", "first of circle", parents=["c"], start_s=1.0, lasted_s=1.0),
            span("b", "second", parents=["a"], start_s=2.0, lasted_s=1.0),
            span("c", "third", parents=["b"], start_s=3.0, lasted_s=1.0),
            span("d", "orphan", parents=["gone"], start_s=4.0, lasted_s=1.0),
            span("e", "join", parents=["b", "d"], start_s=5.0, lasted_s=1.0),
        ]
    )
    page = open_page(f"{LOGS}?r={TRACE}")
    assert names(page) == [
        "first of circle",
        "second",
        "third",
        "join",
        "parent not received",
        "orphan",
    ]
    expect(page.locator(".row", has_text="first of circle")).to_contain_text("cycle cut")
    expect(page.locator(".row", has_text="join")).to_contain_text("+1 parent")
    page.locator(".row", has_text="join").click()
    page.locator("#span .explained .more").click()
    assert chosen(page) == "orphan"
    page.locator(".row", has_text="parent not received").click()
    expect(page.locator("#span")).to_contain_text("gone")


HOSTILE = '<script>window.hacked=1</script><img src=x onerror="window.hacked=1">'
MARKDOWN = (
    f"{HOSTILE}\n\n[click](javascript:window.hacked=1) ![i](https://evil.example/i.png)\n"
    "<a href='javascript:window.hacked=1'>a</a> <style>*{display:none}</style>\n\n"
    f"- {HOSTILE}\n\n| a | b |\n|---|---|\n| {HOSTILE} | https://evil.example |\n"
    "```html\n<iframe src=https://evil.example></iframe>\n```"
)
SVG = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4="


def test_hostile_content_stays_text(open_page: Open, log: Log) -> None:
    content: list[dict[str, Any]] = [
        {"type": "text", "text": MARKDOWN},
        {"type": "image_url", "image_url": {"url": "https://evil.example/pixel.png"}},
        {"type": "image_url", "image_url": {"url": SVG}},
        {"type": "image_url", "image_url": {"url": "javascript:window.hacked=1"}},
        {"type": "image_url", "image_url": {"url": PIXEL}},
        {"type": "constructor", HOSTILE: HOSTILE},
    ]
    row = model_call(
        "b1",
        parents=[],
        start_s=1.0,
        lasted_s=1.0,
        input=[{"role": HOSTILE, "content": content}, {"role": "user", "content": MARKDOWN}],
        output=assistant(
            MARKDOWN, {"id": HOSTILE, "function": {"name": HOSTILE, "arguments": HOSTILE}}
        ),
        expected=HOSTILE,
        error=f'Traceback (most recent call last):\n  File "{HOSTILE}", line 1, in f\n{HOSTILE}',
        metadata={"model": HOSTILE, HOSTILE: {"__proto__": HOSTILE, "href": "javascript:alert(1)"}},
        scores={HOSTILE: 0.5, "constructor": 1},
        tags=[HOSTILE],
    )
    row["span_attributes"] = {"name": HOSTILE, "type": "constructor"}
    row["metrics"]["constructor"] = 3
    log([row, {**row, "id": "b2", "span_id": "b2", "span_parents": [HOSTILE]}], project=HOSTILE)
    page = open_page("/")
    expect(page.locator(".named a")).to_have_text(HOSTILE)
    page.locator(".named a").click()
    expect(page.locator("#span .turn")).to_have_count(3)
    page.locator(".raw summary").click()
    for view in ("Text", "JSON", "Markdown"):
        page.locator(".part-input .view", has_text=view).click()
    expect(page.locator("#span .part-input")).to_contain_text("<script>window.hacked=1</script>")
    expect(page.locator("#span .part-input")).to_contain_text("click (javascript:window.hacked=1)")
    expect(page.locator("#span .medium").first).to_contain_text("https://evil.example/pixel.png")
    assert page.evaluate("window.hacked") is None
    pictures = page.evaluate("[...document.querySelectorAll('main img')].map((img) => img.src)")
    assert pictures == [PIXEL]
    assert (
        page.evaluate("document.querySelectorAll('main a, main script, main iframe').length") == 0
    )
    page.locator(".row", has_text="parent not received").click()
    expect(page.locator("#span .explained")).to_contain_text("<script>")


def test_the_page_follows_the_reader_s_theme_and_can_be_switched(open_page: Open, log: Log) -> None:
    log(support_trace())

    def paper(page: Page) -> str:
        found: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return found

    page = open_page(LOGS, color_scheme="dark")
    page.wait_for_selector("tbody tr")
    assert paper(page) == "rgb(20, 21, 24)"
    switch = page.get_by_title("Theme: system")
    switch.click()
    assert paper(page) == "rgb(255, 255, 255)"
    page.reload()
    assert paper(page) == "rgb(255, 255, 255)"
    page.get_by_title("Theme: light").click()
    assert paper(page) == "rgb(20, 21, 24)"


def test_an_empty_project_wakes_up_when_the_first_trace_arrives(
    open_page: Open, log: Log, local_braintrust: Any
) -> None:
    page = open_page("/")
    expect(page.locator("h1")).to_have_text("Waiting for the first span")
    ways = page.locator(".snippet pre")
    expect(ways).to_have_count(3)
    expect(ways.nth(0)).to_contain_text(f"BRAINTRUST_API_URL={local_braintrust.url}")
    expect(ways.nth(1)).to_contain_text("otel_braintrust.configure(")
    expect(ways.nth(2)).to_contain_text("otel-braintrust demo")
    expect(page.locator(".empty")).not_to_contain_text(local_braintrust.api_key)
    log(support_trace())
    expect(page.locator("tbody tr .said")).to_have_text(QUESTION)
    assert "/p/shop-support/" in page.url


def test_new_traces_wait_until_the_reader_asks_for_them(open_page: Open, log: Log) -> None:
    log([{"id": "1", "input": "first"}])
    page = open_page(LOGS)
    expect(page.locator("tbody tr")).to_have_count(1)
    log([{"id": "2", "input": "second"}])
    news = page.locator(".news")
    expect(news).to_have_text("1 new trace")
    expect(page.locator("tbody tr")).to_have_count(1)
    news.click()
    expect(page.locator("tbody .said")).to_have_text(["second", "first"])


def test_a_trace_grows_while_it_is_read(open_page: Open, log: Log) -> None:
    log([span("a1", "agent", "task", start_s=1.0, lasted_s=None, input="go")])
    page = open_page(f"{LOGS}?r={TRACE}")
    expect(page.locator(".facts")).to_contain_text("no end yet")
    expect(page.locator(".bar.running")).to_be_visible()
    log(
        [
            span("a1", "agent", "task", start_s=1.0, lasted_s=4.0, input="go", output="done"),
            span("b1", "step", parents=["a1"], start_s=2.0, lasted_s=1.0),
        ]
    )
    expect(page.locator(".row")).to_have_count(2)
    expect(page.locator("#span .part-output")).to_contain_text("done")
    assert chosen(page) == "agent"


def test_a_trace_that_is_not_here_yet_appears_when_it_arrives(open_page: Open, log: Log) -> None:
    page = open_page(f"{LOGS}?r={TRACE}")
    expect(page.locator(".notice")).to_contain_text("This trace has not arrived")
    log(support_trace())
    expect(page.locator("h1")).to_have_text("answer_ticket")
    expect(page.locator("#span .part-input")).to_contain_text(QUESTION)


def test_thousands_of_spans_stay_usable(open_page: Open, log: Log) -> None:
    rows = [span("top", "crawl", "task", start_s=0.0, lasted_s=6000.0)]
    rows += [
        span(
            f"s{n}",
            f"page {n}",
            "function",
            parents=["top" if n % 7 == 0 else f"s{n - 1}"],
            start_s=float(n),
            lasted_s=0.9,
            input="content " * 200,
        )
        for n in range(6000)
    ]
    log(rows)
    page = open_page(f"{LOGS}?r={TRACE}")
    page.wait_for_selector(".row.chosen")
    assert page.locator(".row").count() < 100
    page.keyboard.press("End")
    assert chosen(page) == "page 5999"
    expect(page.locator("#span .part-input")).to_contain_text("content")
    took_ms = page.evaluate(
        "() => { const begun = performance.now(); for (let n = 0; n < 50; n += 1)"
        " document.dispatchEvent(new KeyboardEvent('keydown', { key: 'k', bubbles: true }));"
        " return performance.now() - begun; }"
    )
    assert chosen(page) == "page 5949"
    assert took_ms < 2_500
    page.keyboard.press("Home")
    assert chosen(page) == "crawl"


def test_nothing_moves_when_another_span_is_chosen(open_page: Open, log: Log) -> None:
    log(support_trace())
    page = open_page(f"{LOGS}?r={TRACE}")
    page.wait_for_selector("#span .part")
    page.evaluate(
        "window.shifts = 0; new PerformanceObserver((list) => {"
        " for (const entry of list.getEntries()) window.shifts += entry.value; })"
        ".observe({ type: 'layout-shift', buffered: true })"
    )
    for _ in range(6):
        page.keyboard.press("j")
        page.wait_for_timeout(60)
    assert page.evaluate("window.shifts") < 0.01
