"""Every known kind of secret is found, however it is wrapped; harmless text stays as it is."""

from __future__ import annotations

import json
from pathlib import Path
from zlib import crc32

import pytest

from otel_braintrust.cli.translate import assemble
from otel_braintrust.redaction import MaskRule, Redaction, read_mask
from otel_braintrust.translation.otlp import decode
from tests.redaction.planted import FORMS, WRAPPINGS, Plant, traces_of

CORPUS = Path(__file__).parent.parent / "corpus"
SECRETS = Redaction(read_mask("secrets"))
ALL = Redaction(read_mask("all"))

PERSONAL = {
    "email": "bob.miller+news@mail.example.com",
    "card": "4111 1111 1111 1111",
    "iban": "DE89 3704 0044 0532 0130 00",
    "ssn": "078-05-1120",
    "phone": "+49 (30) 1234-5678",
    "ip": "203.0.113.42",
}
HARMLESS = (
    "task-oriented-programming-language-model",
    "sk-learn-based-classification-of-texts",
    "max_tokens=100, prompt_tokens: 12, token_count=7",
    "The password: it must have eight characters",
    "Reset your password? Click here: https://example.com/reset",
    "bearer certificates are things that bearers hold",
    "a basic understanding of authorization",
    "the secretary of state; a secret garden",
    "http://host.example:8080/path?mail=a@b",
    "token: the smallest unit of text",
    "def f(api_key: str = None, password: Optional = None)",
    "os.environ['API_KEY'] and api_key=os.environ['X']",
    "api_key=${API_KEY} password=<your password>",
    "chatcmpl-9f8e7d6c5b4a39281706f5e4d3c2b1a0",
    "00f067aa0ba902b7 4bf92f3577b34da6a3ce929d0e0e4736",
    "9b2c6a4e-7d1f-4c3b-8a5e-2f0d9c7b6a51",
    "/usr/lib/python3/dist-packages/opentelemetry/instrumentation/fastapi.py",
    "gpt-4o-mini-2024-07-18",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
    "C:\\Users\\bob\\new\\table",
    "100%25 of 50% off",
)


def masked(redaction: Redaction, value: object) -> object:
    row = redaction({"id": "1", "input": value})
    assert row is not None
    return row["input"]


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_a_secret_is_found_however_it_is_wrapped(kind: str, wrapping: str) -> None:
    plant = Plant(seed=crc32(f"{kind} {wrapping}".encode()))
    for _ in range(3):
        text = plant(kind)
        wrapped = WRAPPINGS[wrapping](text)
        found = str(masked(SECRETS, {"messages": [{"role": "user", "content": wrapped}]})).encode()
        assert b"[masked: " in found
        for trace in traces_of(plant.secrets[text]):
            assert trace not in found, (wrapped, found)


@pytest.mark.parametrize("outer", WRAPPINGS)
@pytest.mark.parametrize("inner", WRAPPINGS)
def test_a_secret_is_found_when_it_is_wrapped_twice(inner: str, outer: str) -> None:
    plant = Plant(seed=crc32(f"{inner} {outer}".encode()))
    for kind in ("openai", "json", "private key", "aws secret", "postgres"):
        text = plant(kind)
        found = json.dumps(masked(SECRETS, [WRAPPINGS[outer](WRAPPINGS[inner](text))])).encode()
        assert not [each for each in traces_of(plant.secrets[text]) if each in found]


@pytest.mark.parametrize("name", PERSONAL)
@pytest.mark.parametrize("before", ["", "It is ", '{"a": "', "("])
def test_what_names_a_person_is_found_when_it_is_asked_for(name: str, before: str) -> None:
    text = f"{before}{PERSONAL[name]}, she said"
    assert masked(Redaction(read_mask(name)), text) == f"{before}[masked: {name}], she said"
    assert masked(SECRETS, text) == text


def test_numbers_that_fail_their_check_are_no_cards_accounts_or_addresses() -> None:
    for text in (
        "4111 1111 1111 1112",
        "DE89370400440532013001",
        "300.1.2.3",
        "127.0.0.1",
        "a@3.11",
    ):
        assert masked(ALL, text) == text


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert masked(SECRETS, text) == text
    assert masked(SECRETS, {"content": f"He said: {text}"}) == {"content": f"He said: {text}"}


def test_no_row_of_any_recorded_trace_holds_anything_that_passes_for_a_secret() -> None:
    compared = 0
    for path in sorted(CORPUS.rglob("spans.otlp.json")):
        for assembled in assemble([decode(path.read_bytes())]):
            if assembled.row is not None:
                compared += 1
                assert SECRETS(assembled.row) == assembled.row, path
    assert compared > 1000


def test_what_stands_under_the_name_of_a_secret_is_masked_whatever_it_is() -> None:
    value = {
        "password": "correct horse",
        "db_password": 12345678,
        "apiKey": ["a1", "b2"],
        "credentials": {"user": "bob", "nested": {"pin": 1234}},
        "http.request.header.authorization": ["Basic x"],
        "headers": [["authorization", "abc"], {"name": "X-Api-Key", "value": "zz"}],
        "arguments": '{"client_secret": 99887766}',
    }
    found = masked(SECRETS, value)
    assert found == {
        "password": "[masked: password]",
        "db_password": "[masked: password]",
        "apiKey": ["[masked: password]", "[masked: password]"],
        "credentials": {"user": "[masked: password]", "nested": {"pin": "[masked: password]"}},
        "http.request.header.authorization": ["[masked: password]"],
        "headers": [
            ["authorization", "[masked: password]"],
            {"name": "X-Api-Key", "value": "[masked: password]"},
        ],
        "arguments": '{"client_secret":"[masked: password]"}',
    }


def test_what_only_describes_a_secret_stays() -> None:
    value = {
        "tools": [{"parameters": {"properties": {"password": {"type": "string"}}}}],
        "required": ["password", "user"],
        "max_tokens": 100,
        "password_required": True,
        "api_key": None,
        "logprobs": [{"token": "Hello", "logprob": -0.1}],
    }
    assert masked(SECRETS, value) == value


def test_a_secret_that_is_a_key_or_a_number_is_masked() -> None:
    plant = Plant()
    key = plant("openai")
    assert masked(SECRETS, {key: 1}) == {"[masked: openai key]": 1}
    assert masked(SECRETS, {key: 1, plant("openai"): 2}) == {
        "[masked: openai key]": 1,
        "[masked: openai key] ": 2,
    }
    assert masked(ALL, {"n": 4111111111111111}) == {"n": "[masked: card]"}


def test_a_secret_that_was_taken_apart_into_keys_is_masked() -> None:
    plant = Plant()
    head, body, signature = plant("jwt").split(".")
    value = {"a": {head: {body: {signature: "x"}}}, "b": {"eyJ": {"c": 1}}}
    assert masked(SECRETS, value) == {
        "a": {"[masked: jwt]": "[masked: jwt]"},
        "b": {"eyJ": {"c": 1}},
    }


def test_a_secret_that_was_streamed_piece_by_piece_is_masked() -> None:
    plant = Plant()
    key = plant("anthropic")
    pieces = ["My ", "key is ", key[:3], key[3:9], "", key[9:], ", keep it."]
    found = masked(SECRETS, pieces)
    assert found == ["My ", "key is ", "[masked: anthropic key]", "", "", "", ", keep it."]
    letters = masked(SECRETS, list(f"one {key} two {plant('jwt')}"))
    assert "".join(map(str, letters)) == "one [masked: anthropic key] two [masked: jwt]"
    assert masked(SECRETS, [key, "beta"]) == ["[masked: anthropic key]", "beta"]
    assert masked(SECRETS, ["a", "b"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("deploy --db-password hunter2 --force", "deploy --db-password {} --force"),
        ("curl -u bob:hunter2 https://x", "curl -u bob:{} https://x"),
        ("<db><password>hunter2</password></db>", "<db><password>{}</password></db>"),
        ("git --no-pager log -u main", "git --no-pager log -u main"),
    ],
)
def test_passwords_in_commands_and_in_xml_are_found(text: str, left: str) -> None:
    assert masked(SECRETS, text) == left.format("[masked: password]")


def test_a_key_whose_end_was_cut_off_is_masked_as_far_as_it_goes() -> None:
    text = "-----BEGIN PRIVATE KEY-----\nMIIEpAIBAAKCAQEA1234567890\nabcdefghijklmnopqrstuvwx"
    assert masked(SECRETS, f"{text} and then prose") == "[masked: private key] and then prose"
    assert masked(SECRETS, text) == "[masked: private key]"


def test_the_marker_names_the_rule_and_masking_again_changes_nothing() -> None:
    plant = Plant()
    for _ in range(len(FORMS)):
        once = masked(SECRETS, plant())
        assert "[masked: " in str(once)
        assert masked(SECRETS, once) == once


def test_json_in_a_text_is_json_after_masking() -> None:
    text = json.dumps({"name": "it", "password": 'a"b\\c', "n": [1, {"secret": 12}]})
    assert json.loads(str(masked(SECRETS, text))) == {
        "name": "it",
        "password": "[masked: password]",
        "n": [1, {"secret": "[masked: password]"}],
    }


def test_rules_of_ones_own_mask_by_pattern_and_by_key() -> None:
    mask = read_mask(
        [
            MaskRule("customer", pattern=r"\bC-\d{6}\b"),
            MaskRule("patient", key="patient_*", marker="***"),
            {"order": r"#\d{4}"},
            "key:ssn",
        ]
    )
    value = {
        "text": "C-123456 ordered #4711",
        "Patient_Name": {"first": "Ann"},
        "app.ssn": 123,
        "escaped": '{"t": "\\u0043-123456"}',
        "n": [10, "C-1"],
    }
    assert masked(Redaction(mask), value) == {
        "text": "[masked: customer] ordered [masked: order]",
        "Patient_Name": "***",
        "app.ssn": "[masked: ssn]",
        "escaped": '{"t":"[masked: customer]"}',
        "n": [10, "C-1"],
    }
