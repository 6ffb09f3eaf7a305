"""The files of a row: attachments that a user logged, and base64 that instrumentations wrote."""

from __future__ import annotations

import hashlib
import re
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson

from otel_braintrust.attachments import Attachment, attachments_of
from otel_braintrust.delivery.enclosures import Enclosure
from otel_braintrust.delivery.encoding import encode
from otel_braintrust.delivery.uploads import Uploads
from otel_braintrust.translation.inline_media import TYPE_KEYS, InlineMedia, replace_media

if TYPE_CHECKING:
    from otel_braintrust.redaction import Redaction

CONVERTED_FIELDS = ("input", "output", "expected", "metadata")
MAX_KNOWN_FILES = 4096
# What stands before and after a colon of a row with a file: each shape of base64 has one of these.
HINTS = (
    (b'"data', b""),
    (b'"DATA', b""),
    (b'"data"', b'"'),
    (b'"bytes"', b'"'),
    (b'"images"', b'["'),
    (b'"b64_json"', b'"'),
    *((f'"{name}"'.encode(), b'"') for name in TYPE_KEYS),
)
# What a `type` may say instead, which is too common a key to be looked at for its own sake.
TYPE_KEY = b'"type"'
TYPES = b'"(?:image_generation_call|braintrust_attachment)"'


def _hint() -> re.Pattern[bytes]:
    """One search for all hints, from colon to colon: a row has many bytes and few of them.

    The five characters before, each one that some hint has in this place, leave few of those.
    """
    before = [*(each for each, _ in HINTS), TYPE_KEY]
    columns = (bytes({each[place] for each in before}) for place in range(-5, 0))
    shown = b"|".join(b"(?<=%b:)%b" % (each, re.escape(after)) for each, after in HINTS)
    ends = b"".join(b"[%b]" % column for column in columns)
    return re.compile(b":(?<=%b:)(?:%b|(?<!%b:)(?:%b))" % (ends, TYPES, TYPE_KEY, shown))


HINT = _hint()
WHOLE_TEXTS_KEY = "otel_braintrust.whole_texts"
MAX_DEPTH = 128


class Encloser:
    """Finds what goes with a row; base64 in it becomes references.

    A picture that an agent shows to its model turn after turn is uploaded once.

    Args:
        uploads: Who uploads.
        converts: Replace base64; else only attachments that a user logged go.
        redact: Masks rows, and so the text of attachments; None: nothing is masked.
    """

    def __init__(
        self, uploads: Uploads, *, converts: bool, redact: Redaction | None = None
    ) -> None:
        self._uploads = uploads
        self._converts = converts
        self._redact = redact
        # By digest: the files in memory, and the keys of all that were seen lately.
        self._living: weakref.WeakValueDictionary[bytes, Attachment] = weakref.WeakValueDictionary()
        self._keys: OrderedDict[bytes, str] = OrderedDict()

    def find(self, row: dict[str, Any], attributes: Mapping[str, Any]) -> dict[str, Attachment]:
        """Find the files of a row, before it is masked; base64 in it is replaced.

        All of a row's base64 is replaced, or none: a reference must not stand for what nobody
        uploads.

        Args:
            row: The row.
            attributes: The attributes of its span.

        Returns:
            The files by their key.
        """
        found = attachments_of(*attributes.values())
        if self._converts:
            with suppress(Exception):  # an odd value stays as it is, and its row goes
                found.update(self._convert(row))
        return found

    def keep_long_texts(self, row: dict[str, Any], max_bytes: int) -> dict[str, Attachment]:
        """Make files of texts that will be cut, which the row's metadata refers to by their place.

        Args:
            row: The row, masked already.
            max_bytes: Most bytes of a text that is not cut.
        """
        files: dict[str, Attachment] = {}
        for name in CONVERTED_FIELDS:
            for place, text in _texts_beyond(row.get(name), max_bytes, name):
                files[place] = Attachment(text, f"{name}.txt", "text/plain")
        metadata = row.get("metadata") or {}
        if not files or not isinstance(metadata, dict):
            return {}
        if not self._uploads.accepts(sum(each.held_bytes for each in files.values())):
            return {}
        references = {place: each.reference for place, each in files.items()}
        row["metadata"] = {**metadata, WHOLE_TEXTS_KEY: references}
        return {each.key: each for each in files.values()}

    def enclose(self, row: bytes, found: Mapping[str, Attachment]) -> tuple[Enclosure, ...]:
        """Enter the files that a row still refers to, after it was masked and cut.

        Args:
            row: The encoded row.
            found: What :meth:`find` found in it.
        """
        if not found:
            return ()
        kept = [each for key, each in found.items() if key.encode() in row]
        return self._uploads.enclose(masked_file(each, self._redact) for each in kept)

    def reset_after_fork(self) -> None:
        """Begin anew in a forked child, which cannot know what its parent uploads."""
        self._living = weakref.WeakValueDictionary()
        self._keys = OrderedDict()

    def _convert(self, row: dict[str, Any]) -> dict[str, Attachment]:
        found: dict[str, Attachment] = {}

        def refer(media: InlineMedia) -> dict[str, Any]:
            reference, attachment = self._known(media)
            if attachment is not None:
                found[attachment.key] = attachment
            return reference

        fields = {name: row[name] for name in CONVERTED_FIELDS if row.get(name) is not None}
        replaced = {name: replace_media(value, refer) for name, value in fields.items()}
        if self._uploads.accepts(sum(each.held_bytes for each in found.values())):
            row.update(replaced)
            return found
        return {}

    def _known(self, media: InlineMedia) -> tuple[dict[str, str], Attachment | None]:
        """The reference of a file, and its attachment unless the server has it already."""
        digest = hashlib.sha256(media.content_type.encode() + b"\0" + media.data).digest()
        attachment = self._living.get(digest)
        if attachment is None:
            attachment = Attachment(media.data, media.filename, media.content_type)
            key = self._keys.get(digest)
            if key is not None and self._uploads.is_uploaded(key):
                self._keys.move_to_end(digest)
                return {**attachment.reference, "key": key}, None
            self._living[digest] = attachment
            self._keys[digest] = attachment.key
            if len(self._keys) > MAX_KNOWN_FILES:
                self._keys.popitem(last=False)
        return dict(attachment.reference), attachment


def may_hold_files(row: bytes) -> bool:
    """Tell quickly that encoded rows hold no file and refer to none, as almost all do."""
    return HINT.search(row) is not None


def _texts_beyond(
    value: Any, max_bytes: int, place: str, depth: int = 0
) -> Iterator[tuple[str, bytes]]:
    """The texts in a value that have more bytes, each with its place."""
    if isinstance(value, str):
        if len(value) * 4 > max_bytes:
            data = value.encode("utf-8", "replace")
            if len(data) > max_bytes:
                yield place, data
        return
    if depth >= MAX_DEPTH:
        return
    parts: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, (list, tuple)):
        parts = enumerate(value)
    for key, inner in parts:
        yield from _texts_beyond(inner, max_bytes, f"{place}.{key}", depth + 1)


def files_of(
    rows: Sequence[dict[str, Any]], files: Mapping[str, Attachment], redact: Redaction | None
) -> list[Attachment]:
    """The files that rows still refer to once they are masked, masked themselves.

    Args:
        rows: The rows; they stay as they are.
        files: The files by their key.
        redact: Masks a row; None: nothing is masked.
    """
    sent: list[Any] = list(rows)
    if redact is not None:
        sent = [redact(orjson.loads(orjson.dumps(row))) for row in rows]
    text = encode(sent)
    return [masked_file(each, redact) for key, each in files.items() if key.encode() in text]


def masked_file(attachment: Attachment, redact: Redaction | None) -> Attachment:
    """The attachment with its name, and its text if it is one, masked as a row's are.

    Args:
        attachment: The file; one on disk is read, if it is text.
        redact: What masks; None: nothing is masked.
    """
    if redact is None:
        return attachment
    name, kind = attachment.reference["filename"], attachment.reference["content_type"]
    masked_name = str(redact.value(name, "filename"))
    if masked_name != name:
        attachment = attachment.renamed(masked_name)
    if not redact.reads_files_of(kind):
        return attachment
    try:
        data = attachment.data
    except OSError as error:
        # It may be readable by the time it is uploaded, and then nobody would mask it.
        masked = redact.failure("attachment", error).encode()
    else:
        masked = redact.file(data, kind) or b""
        if masked is data:
            return attachment
    return Attachment.known(attachment.key, masked, masked_name, kind)
