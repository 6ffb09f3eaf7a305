"""One trace over two services: by W3C headers, and by a span's slug through a queue."""

import json
import queue
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

from otel_braintrust import configure, export_span, extract, flush, inject, start_span

configure(project="examples")


class Handler(BaseHTTPRequestHandler):
    """The other service."""

    def do_GET(self) -> None:
        with start_span("serve", type="function", parent=extract(dict(self.headers))) as span:
            body = json.dumps({"status": "on its way"}).encode()
            span.log(input=self.path, output=body.decode())
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


jobs: queue.Queue[str] = queue.Queue()


def worker() -> None:
    with start_span("send mail", parent=jobs.get()) as span:
        span.log(output="sent")


server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()

with start_span("ask", type="task") as root:
    headers: dict[str, str] = {}
    inject(headers)
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.server_port}/orders/4711", headers=headers
    )
    with urllib.request.urlopen(request) as response:
        root.log(output=json.load(response))
    jobs.put(export_span())

thread = threading.Thread(target=worker)
thread.start()
thread.join()
server.shutdown()
server.server_close()
print(headers["baggage"])
assert flush().ok
