"""A row's input or output out of the only attributes that speak of it, where these are simple.

Each reader gives what `content.decide` makes of the same attributes, or raises `OddError`: what is
empty, cut short, hidden, or not of the simple kind is for `content` to decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from otel_braintrust.translation.choices import to_choices
from otel_braintrust.translation.content import NOTHING
from otel_braintrust.translation.conversations import Conversations
from otel_braintrust.translation.decoding import decode_container, is_placeholder, parse
from otel_braintrust.translation.model_requests import with_system
from otel_braintrust.translation.outlines import values_of
from otel_braintrust.translation.plain_messages import PLAIN_ROLES
from otel_braintrust.translation.wrappers import unwrap

Attributes = Mapping[str, Any]
# Reads what several spans with the same keys have.
Reader = Callable[[Sequence[Attributes]], list[Any]]

# What the text of a message begins with that may be more than a text.
_MAY_BE_MORE = frozenset({"", "[", "{", '"', " ", "\n"})
_OPENINGS = frozenset({"{", "[", '"'})
_LIST = {"["}
_TEXT = {str}
_beginning = itemgetter(slice(1))


class OddError(ValueError):
    """A value is not of the simple kind."""


def reader_of(
    form: str,
    key: str,
    side: str,
    span_type: str,
    reasons: Sequence[Any],
    conversations: Conversations,
) -> Reader | None:
    """The reader of one attribute; None where its form is not simple on such a span.

    Args:
        form: one of the forms of `content_forms`.
        key: the attribute's.
        side: `input` or `output`.
        span_type: the span's Braintrust type.
        reasons: reasons why a model stopped, by position, for answers that carry none.
        conversations: reads messages.
    """
    if form == "messages" and span_type != "tool":
        return _messages(key, conversations) if side == "input" else _choices(key, list(reasons))
    if form in ("framework", "value") and span_type != "llm":
        return _value(key, side, span_type)
    return _text(key) if form == "text" else None


def reader_of_texts(
    members: Sequence[tuple[str, str, str | None]], side: str, reasons: Sequence[Any]
) -> Reader:
    """The reader of messages of which each has a role and a text, in attributes of their own.

    Args:
        members: the keys of role, text and reason (if there is one), in the order of the messages.
        side: `input` or `output`.
        reasons: as for `reader_of`.
    """
    roles_of = values_of([role for role, _, _ in members])
    texts_of = values_of([text for _, text, _ in members])
    places = [place for place, (_, _, reason) in enumerate(members) if reason is not None]
    reasons_of = values_of([reason for _, _, reason in members if reason is not None])
    listed = list(reasons)

    def read(attributes: Attributes) -> Any:
        roles, texts = roles_of(attributes), texts_of(attributes)
        if not PLAIN_ROLES.issuperset(roles) or not _TEXT.issuperset(map(type, texts)):
            raise OddError
        if not _MAY_BE_MORE.isdisjoint(map(_beginning, texts)):
            raise OddError
        messages = [
            {"role": role, "content": text} for role, text in zip(roles, texts, strict=True)
        ]
        if side == "input":
            return messages
        for place, reason in zip(places, reasons_of(attributes), strict=True):
            if type(reason) is not str or reason[:1] in _MAY_BE_MORE:
                raise OddError
            messages[place]["finish_reason"] = reason
        return to_choices(messages, listed)

    return lambda several: list(map(read, several))


def with_system_of(key: str, read: Reader) -> Reader:
    """The reader of messages that go after a system prompt.

    Args:
        key: the system prompt's.
        read: the reader of the messages.
    """
    return lambda several: [
        with_system(messages, attributes[key])
        for messages, attributes in zip(read(several), several, strict=True)
    ]


def _messages(key: str, conversations: Conversations) -> Reader:
    def read(several: Sequence[Attributes]) -> list[Any]:
        found = list(map(conversations.messages_in, _lists(key, several)))
        for messages in found:
            if not messages or (len(messages) == 1 and messages[0].get("content") in NOTHING):
                raise OddError
        return found

    return read


def _choices(key: str, reasons: list[Any]) -> Reader:
    def read(several: Sequence[Attributes]) -> list[Any]:
        found = [to_choices(parse(text), reasons) for text in _lists(key, several)]
        for choices in found:
            if not choices:
                raise OddError
            for choice in choices:
                message = choice["message"]
                if message.get("role") == "tool" or message.get("content") in NOTHING:
                    raise OddError
        return found

    return read


def _texts(key: str, several: Sequence[Attributes]) -> list[str]:
    texts = [attributes[key] for attributes in several]
    if not _TEXT.issuperset(map(type, texts)):
        raise OddError
    return texts


def _lists(key: str, several: Sequence[Attributes]) -> list[str]:
    """The texts of an attribute, of which each begins as a list does."""
    texts = _texts(key, several)
    if not _LIST.issuperset(map(_beginning, texts)):
        raise OddError
    return texts


def _value(key: str, side: str, span_type: str) -> Reader:
    def read(text: str) -> Any:
        if is_placeholder(text):
            raise OddError
        value = decode_container(text)
        if value is text:
            # Cut short, or Python's own writing.
            if text[:1] in _OPENINGS or (span_type == "tool" and text.lstrip()[:1] in _OPENINGS):
                raise OddError
        elif unwrap(side, value, span_type) != value:
            raise OddError
        return value

    return lambda several: list(map(read, _texts(key, several)))


def _text(key: str) -> Reader:
    def read(several: Sequence[Attributes]) -> list[str]:
        texts = _texts(key, several)
        if any(map(is_placeholder, texts)) or not _OPENINGS.isdisjoint(map(_beginning, texts)):
            raise OddError
        return texts

    return read
