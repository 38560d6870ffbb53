"""A provider on loopback that answers with the offline engines and writes down what it was asked.

    python benchmarks/loopback_provider.py --port 4300 --log asked.txt [--latency 0.05]

Each request becomes two lines of the log, `ask KEY` when it comes in and `paid KEY` when its answer
is about to be sent, where KEY is a hash of the request body: the same question asked twice shows.
"""

import argparse
import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn

from llms.offline.app import CAREFUL, QUICK, create_app

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

CHEAP = ("nano", "mini", "luna", "flash", "quick")
"""Parts of model names that the quick engine plays; the careful one plays all others."""


def counted(log: Path, latency_s: float) -> Callable[[Message, Receive, Send], Awaitable[None]]:
    """The offline application with any model name, a latency, and a log."""
    app = create_app()
    file = log.open("a", buffering=1)

    async def counting(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await app(scope, receive, send)
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        key = hashlib.sha256(body).hexdigest()[:16]
        file.write(f"ask {key}\n")
        request = json.loads(body)
        cheap = any(part in request["model"] for part in CHEAP)
        request["model"] = QUICK if cheap else CAREFUL
        await asyncio.sleep(latency_s)
        rewritten = json.dumps(request).encode()

        async def replay() -> Message:
            return {"type": "http.request", "body": rewritten, "more_body": False}

        file.write(f"paid {key}\n")
        headers = [(k, v) for k, v in scope["headers"] if k != b"content-length"]
        length = (b"content-length", str(len(rewritten)).encode())
        await app({**scope, "headers": [*headers, length]}, replay, send)

    return counting


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--latency", type=float, default=0.02, help="seconds before an answer")
    args = parser.parse_args()
    app = counted(args.log, args.latency)
    uvicorn.run(app, host="127.0.0.1", port=args.port, log_level="warning")


if __name__ == "__main__":
    main()
