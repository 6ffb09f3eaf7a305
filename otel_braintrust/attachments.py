"""Files that go with what is logged: Attachment, JSONAttachment and ExternalAttachment.

In the text of a span's attribute an attachment is a small reference. Its bytes travel beside the
text, in the same object, and so live exactly as long as the attribute: a span that a rule leaves
out, that is lost or that never ends takes its attachments with it, and nothing else holds them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import orjson

if TYPE_CHECKING:
    from typing_extensions import Self

UPLOADED_TYPE = "braintrust_attachment"
EXTERNAL_TYPE = "external_attachment"
DEFAULT_CONTENT_TYPE = "application/octet-stream"


class Attachment:
    """A file that is uploaded beside the row; put it anywhere in what is logged, at any depth.

    Braintrust shows images, audio, video and PDF files, and lets every file be downloaded. The
    upload happens in the background, after the row has arrived, and never delays it. A file on disk
    is read then, so it must still be there; hand over the bytes of one that will not.

    Args:
        data: The file's path, or its bytes.
        filename: Its name in Braintrust; default the path's last part, else ``attachment``.
        content_type: Its MIME type; default what the name's ending says, else
            ``application/octet-stream``.

    Raises:
        TypeError: The data is neither a path nor bytes.
        ValueError: The filename or the content type is no text or empty.

    Example::

        log(input={"question": "What is this?", "image": Attachment("photo.jpg")})
    """

    __slots__ = ("__weakref__", "_data", "_path", "reference")

    def __init__(
        self,
        data: str | os.PathLike[str] | bytes | bytearray | memoryview,
        filename: str | None = None,
        content_type: str | None = None,
    ) -> None:
        # A copy, for the application may go on writing into its own.
        self._data = bytes(data) if isinstance(data, (bytes, bytearray, memoryview)) else None
        self._path = _path(data) if self._data is None else None
        if self._path is not None and filename is None:
            filename = self._path.name
        self.reference = _reference(UPLOADED_TYPE, filename, content_type, key=_new_key())

    @classmethod
    def known(cls, key: str, data: bytes, filename: str, content_type: str) -> Attachment:
        """The attachment of a reference that was made before.

        Args:
            key: What the reference says, and so are filename and content_type.
            data: The bytes.
            filename: Its name.
            content_type: Its MIME type.
        """
        attachment = cls(data, filename, content_type)
        attachment.reference["key"] = key
        return attachment

    def renamed(self, filename: str) -> Attachment:
        """The same file under another name, with the same key."""
        other = copy(self)
        other.reference = {**self.reference, "filename": filename}
        return other

    @property
    def key(self) -> str:
        """What the file is stored under, a random UUID."""
        return self.reference["key"]

    @property
    def data(self) -> bytes:
        """The bytes; a file on disk is read each time.

        Raises:
            OSError: The file cannot be read.
        """
        if self._data is not None:
            return self._data
        return self._path.read_bytes() if self._path is not None else b""

    @property
    def held_bytes(self) -> int:
        """How many bytes it holds in memory; none for a file on disk."""
        return len(self._data) if self._data is not None else 0

    @property
    def size_bytes(self) -> int:
        """How many bytes the file has.

        Raises:
            OSError: The file on disk cannot be looked at.
        """
        return self._path.stat().st_size if self._path is not None else self.held_bytes

    def __repr__(self) -> str:
        """Its class, name and type, and never what is in it."""
        name, kind = self.reference["filename"], self.reference["content_type"]
        return f"{type(self).__name__}(filename={name!r}, content_type={kind!r})"


class JSONAttachment(Attachment):
    """A value as a JSON file beside the row: for what is too large to be logged as a field.

    Args:
        data: The value; it is written down at once, so that it may be changed afterwards.
        filename: The file's name in Braintrust; default ``data.json``.
        pretty: Indent it by two spaces; default False.

    Example::

        log(input={"transcript": JSONAttachment(messages, filename="transcript.json")})
    """

    __slots__ = ()

    def __init__(self, data: Any, *, filename: str = "data.json", pretty: bool = False) -> None:
        super().__init__(_json_bytes(data, pretty=pretty), filename, "application/json")


class ExternalAttachment:
    """A file that lies in an object store or on the web already; Braintrust shows it from there.

    Args:
        url: Its address, for instance ``s3://bucket/key`` or ``https://...``.
        filename: Its name in Braintrust; default the last part of the address.
        content_type: Its MIME type; default what the name's ending says.

    Raises:
        ValueError: An argument is no text or empty.

    Example::

        log(input={"scan": ExternalAttachment("s3://scans/4711.pdf")})
    """

    __slots__ = ("reference",)

    def __init__(
        self, url: str, filename: str | None = None, content_type: str | None = None
    ) -> None:
        checked_url = _text("url", url)
        if filename is None:
            filename = unquote(urlsplit(checked_url).path.rpartition("/")[2]) or None
        self.reference = _reference(EXTERNAL_TYPE, filename, content_type, url=checked_url)

    def __repr__(self) -> str:
        """Its class, name and type."""
        name, kind = self.reference["filename"], self.reference["content_type"]
        return f"ExternalAttachment(filename={name!r}, content_type={kind!r})"


class AttachedText(str):
    """JSON text with references in it, and the attachments that they stand for."""

    __slots__ = ("attachments",)

    attachments: tuple[Attachment, ...]

    def __new__(cls, text: str, attachments: Iterable[Attachment] = ()) -> Self:
        """Bind attachments to a text."""
        self = super().__new__(cls, text)
        self.attachments = tuple(attachments)
        return self

    @property
    def held_bytes(self) -> int:
        """How many bytes the attachments hold in memory."""
        return sum(each.held_bytes for each in self.attachments)


def attachments_of(*texts: Any) -> dict[str, Attachment]:
    """The attachments that travel with texts, by their key."""
    return {
        each.key: each for text in texts if type(text) is AttachedText for each in text.attachments
    }


def carrying(text: str, *sources: Any) -> str:
    """The text with those attachments of others that it refers to; plain text if there are none."""
    found = {**attachments_of(*sources), **attachments_of(text)}
    kept = [each for key, each in found.items() if key in text]
    return AttachedText(text, kept) if kept else text


def referrer(found: dict[str, Attachment]) -> Callable[[Any], Any]:
    """A function that gives the reference of an attachment, and keeps it.

    It is what orjson takes as ``default``.

    Args:
        found: Where the attachments are kept, by their key.
    """

    def refer(value: Any) -> Any:
        if isinstance(value, Attachment):
            found[value.key] = value
            return value.reference
        if isinstance(value, ExternalAttachment):
            return value.reference
        raise TypeError(f"{type(value).__name__} is no attachment")

    return refer


def _path(data: Any) -> Path:
    if not isinstance(data, (str, os.PathLike)):
        kind = type(data).__name__
        raise TypeError(f"an attachment's data must be a path or bytes, found {kind}")
    return Path(data).expanduser().absolute()


def _reference(
    kind: str, filename: str | None, content_type: str | None, **place: str
) -> dict[str, str]:
    name = _text("filename", "attachment" if filename is None else filename)
    guessed = _guessed_type(name) if content_type is None else content_type
    return {
        "type": kind,
        "filename": name,
        "content_type": _text("content_type", guessed),
        **place,
    }


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(
            f"an attachment's {name} is {value!r:.80}, but must be a text that is not empty"
        )
    return value


def _guessed_type(filename: str) -> str:
    import mimetypes

    return mimetypes.guess_type(filename)[0] or DEFAULT_CONTENT_TYPE


def _new_key() -> str:
    import uuid

    return str(uuid.uuid4())


def _json_bytes(value: Any, *, pretty: bool) -> bytes:
    from otel_braintrust.translation.strict import strict

    option = orjson.OPT_INDENT_2 if pretty else 0
    try:
        return orjson.dumps(value, option=option)
    except TypeError:  # what orjson cannot write, the slower way can
        return orjson.dumps(strict(value), option=option)
