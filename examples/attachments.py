"""Files beside what is logged: a picture, a JSON file, base64 in a prompt; and reading one back."""

import base64
import struct
import zlib
from pathlib import Path

from otel_braintrust import (
    Attachment,
    BraintrustClient,
    JSONAttachment,
    configure,
    flush,
    ledger,
    start_span,
)

configure(project="examples")


def picture(width: int, height: int) -> bytes:
    """A PNG of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress((b"\0" + b"\x42\x8a\xd6" * width) * height)
    ends = chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(ends)


Path("receipt.txt").write_text("1 umbrella, 19.90\n", encoding="utf-8")
image = picture(64, 40)
history = [{"role": "user", "content": f"question {number}"} for number in range(1000)]

# Anywhere in what is logged, at any depth: the row gets a reference, the bytes go beside it.
with start_span(
    "describe",
    type="task",
    input={
        "question": "What is this?",
        "image": Attachment(image, "photo.png"),
        "receipt": Attachment("receipt.txt"),
        "history": JSONAttachment(history, filename="history.json"),
    },
) as span:
    # Base64 in a prompt or an answer, whichever library wrote it, becomes an attachment, too.
    data_uri = "data:image/png;base64," + base64.b64encode(image).decode()
    part = {"type": "image_url", "image_url": {"url": data_uri}}
    with span.start_span("chat", type="llm", input=[{"role": "user", "content": [part]}]):
        pass
    span.log(output="A blue rectangle.")

assert flush().ok  # waits for the uploads as well
print(ledger())

# A row that was fetched has references; the client reads what is behind them.
with BraintrustClient() as client:
    project = client.project_id("examples")
    [row] = client.fetch(project, filters={"span_attributes.name": "describe"}).logs
    attachment = client.attachment(row["input"]["receipt"])
    print(attachment.filename, attachment.data.decode().strip())
