"""Files and stdin as streams of bytes that can be read more than once, gzipped or not."""

from __future__ import annotations

import gzip
import io
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

STDIN = "-"
GZIP_MAGIC = b"\x1f\x8b"
# What is read of stdin lies in memory up to this size, beyond it in a file without a name.
MEMORY_BYTES = 16 * 1024 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class SourceError(ValueError):
    """A file that cannot be read; says why."""


class Source:
    """A file to import.

    Args:
        name: Its path; ``-`` is stdin.
    """

    def __init__(self, name: str) -> None:
        self.label = "stdin" if name == STDIN else name
        self._path = None if name == STDIN else Path(name)
        self._kept: IO[bytes] | None = None

    @contextmanager
    def opened(self) -> Iterator[io.BufferedReader]:
        """The bytes from their beginning, unzipped and without a byte order mark.

        Raises:
            SourceError: It cannot be read.
        """
        try:
            with self._raw() as raw:
                is_zipped = raw.peek(2)[:2] == GZIP_MAGIC
                stream: Any = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if is_zipped else raw
                if stream.peek(3)[:3] == BYTE_ORDER_MARK:
                    stream.read(3)
                yield stream
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise SourceError(f"the gzip stream is broken: {error}") from None
        except OSError as error:
            raise SourceError(f"cannot be read: {error.strerror or error}") from None

    def close(self) -> None:
        """Forget what was kept of stdin."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    @contextmanager
    def _raw(self) -> Iterator[io.BufferedReader]:
        if self._path is not None:
            with self._path.open("rb") as file:
                yield file
            return
        if self._kept is None:
            self._kept = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115 (kept)
            shutil.copyfileobj(sys.stdin.buffer, self._kept)
        self._kept.seek(0)
        yield io.BufferedReader(_Unclosed(self._kept))


class _Unclosed(io.RawIOBase):
    """Reads a file and leaves it open when it is closed itself."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        data = self._file.read(len(view))
        view[: len(data)] = data
        return len(data)
