"""A web service that takes its users' feedback: each answer tells its span in a header."""

import threading
import time

import requests
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from otel_braintrust import SpanSlugMiddleware, configure, flush, log, log_feedback

configure(project="examples")


async def chat(request: Request) -> Response:
    question = (await request.json())["question"]
    log(input=question, output="On its way.")
    return JSONResponse({"answer": "On its way."})


async def feedback(request: Request) -> Response:
    said = await request.json()
    try:
        log_feedback(
            said["span"],
            scores={"thumbs": said["thumbs"]},
            comment=said.get("comment"),
            metadata={"user_id": said["user_id"]},
            source="app",
        )
    except (KeyError, ValueError) as error:
        return JSONResponse({"error": str(error)}, status_code=400)
    return Response(status_code=204)


app = Starlette(
    routes=[
        Route("/chat", chat, methods=["POST"]),
        Route("/feedback", feedback, methods=["POST"]),
    ],
    middleware=[Middleware(SpanSlugMiddleware)],
)

server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
thread = threading.Thread(target=server.run)
thread.start()
while not server.started:
    time.sleep(0.01)
url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

answer = requests.post(f"{url}/chat", json={"question": "Where is my order?"}, timeout=10)
span = answer.headers["x-braintrust-span"]
for user, thumbs in (("u1", 1), ("u2", 0)):
    said = {"span": span, "thumbs": thumbs, "comment": f"says {user}", "user_id": user}
    assert requests.post(f"{url}/feedback", json=said, timeout=10).status_code == 204
said = {"span": span, "thumbs": 5, "user_id": "u3"}
print(requests.post(f"{url}/feedback", json=said, timeout=10).json())

server.should_exit = True
thread.join()
assert flush().ok
