"""How is the simulated provider reached? An ASGI application: the API, `/stats`, `/scenario`."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from pydantic_core import from_json, to_json

from llms.simulator.batch_api import BatchApi, Content, Query
from llms.simulator.errors import JSON, Problem, fault_problem
from llms.simulator.faults import Fault
from llms.simulator.provider import Provider
from llms.simulator.scenario import Scenario, ScenarioError
from llms.simulator.stats import Repeated, Stats
from llms.simulator.wire import (
    BodyTooLargeError,
    Receive,
    Scope,
    Send,
    Sleep,
    deliver,
    header,
    is_gone,
    read_body,
    respond,
)

CHAT = "/v1/chat/completions"

_TICK_S = 0.05
_BYTES = b"application/octet-stream"


class Simulator:
    """The ASGI application; `stats()` and `repeats()` say what happened.

    Everything runs on one event loop. The API stands below `/v1`; beside it `GET /stats`,
    `GET /stats/repeats`, `POST /stats/reset`, `GET /scenario`, and `PUT /scenario`, which begins
    anew with another scenario.

    Args:
        scenario: How the provider behaves.
        sleep: Waits some seconds.
        **clocks: `clock` and `now` of `Provider`.
    """

    def __init__(
        self,
        scenario: Scenario | None = None,
        *,
        sleep: Sleep = asyncio.sleep,
        **clocks: Callable[[], float],
    ) -> None:
        self._sleep = sleep
        self._clocks = clocks
        self._worker: asyncio.Task[None] | None = None
        self.play(scenario or Scenario())

    def play(self, scenario: Scenario) -> None:
        """Begin anew with a scenario: empty books, no files, no batches, full rates."""
        self._provider = Provider(scenario, **self._clocks)
        self._lane = BatchApi(self._provider)

    def stats(self) -> Stats:
        """The books as they stand."""
        counts = self._lane.batches.counts()
        return self._provider.books.stats(self._provider.clock(), counts)

    def repeats(self) -> list[Repeated]:
        """The requests that came more than once, those billed most often first."""
        return self._provider.books.repeats()

    def reset(self) -> None:
        """Empty the books; rates, attempts and batches go on."""
        self._provider.books.reset()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an ASGI request."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        try:
            body = await read_body(receive)
        except BodyTooLargeError as error:
            await _answer(send, Problem.of(413, str(error)))
            return
        if body is None:
            return
        path, method = scope["path"].rstrip("/"), scope["method"]
        if path == CHAT and method == "POST":
            await self._complete(body, scope, receive, send)
            return
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        if path.startswith("/v1/"):
            found = self._served(method, path, body, scope, query)
        else:
            found = self._controlled(method, path, body, query)
        if found is None:
            found = Problem.of(404, f"Unknown request URL: {method} {path}.", code="unknown_url")
        await _answer(send, found)

    async def _complete(self, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        # Its own provider to the end: another scenario may begin while it is under way.
        provider = self._provider
        pending = provider.take(body, _key(scope))
        has_left = True
        try:
            if pending.wait_s > 0:
                await self._sleep(pending.wait_s)
            provider.settle(pending)
            has_left = is_gone(scope)
            if not has_left:
                await deliver(pending, provider.scenario, scope, receive, send, self._sleep)
                has_left = pending.fault is Fault.SLOW_BODY and is_gone(scope)
        except asyncio.CancelledError:
            has_left = True
            raise
        finally:
            provider.close(pending, client_left=has_left)

    def _served(self, method: str, path: str, body: bytes, scope: Scope, query: Query) -> Any:
        """The response to anything of the API but a chat completion; null for no such route."""
        provider = self._provider
        if problem := provider.key_problem(_key(scope)):
            return problem
        match method, path.split("/")[2:]:
            case "GET", ["models"]:
                return {"object": "list", "data": [_model(name) for name in self._model_names()]}
            case "GET", ["models", *name]:
                model = "/".join(name)
                if provider.scenario.is_served(model):
                    return _model(model)
                return fault_problem(Fault.MODEL_GONE, model)
            case _, ["files", *rest]:
                return self._lane.files(method, rest, body, header(scope, b"content-type"), query)
            case _, ["batches", *rest]:
                found = self._lane.batched(method, rest, body, query)
                if self._worker is None or self._worker.done():
                    self._worker = asyncio.get_running_loop().create_task(self._work())
                return found
        return None

    def _controlled(self, method: str, path: str, body: bytes, query: Query) -> Any:
        """The response to what no provider has; null for no such route."""
        match method, path:
            case "GET", "/stats":
                told = self.stats()
                if query.get("series") == ["0"]:
                    told.series.clear()
                return told
            case "GET", "/stats/repeats":
                return self.repeats()
            case "POST", "/stats/reset":
                self.reset()
                return self.stats()
            case "GET", "/scenario":
                return self._provider.scenario
            case "PUT", "/scenario":
                try:
                    given = from_json(body)
                    if not isinstance(given, dict):
                        raise ScenarioError("it must be a JSON object")
                    self.play(Scenario.of(given))
                except ValueError as error:
                    return Problem.of(400, f"This scenario cannot be used: {error}.")
                return self._provider.scenario
        return None

    async def _work(self) -> None:
        """Keep batches going while nobody asks for them."""
        while self._lane.batches.advance():
            await asyncio.sleep(_TICK_S)

    def _model_names(self) -> list[str]:
        scenario = self._provider.scenario
        named = (*scenario.serves, *scenario.models)
        return sorted({name for name in named if not set(name) & set("*?[")}) or ["simulated"]


async def _answer(send: Send, found: Any) -> None:
    """Send JSON, an error or the bytes of a file."""
    status, content_type = 200, JSON
    if isinstance(found, Problem):
        status, content_type, body = found.status, found.content_type, found.body
    elif isinstance(found, Content):
        content_type, body = _BYTES, found.content
    else:
        body = to_json(found)
    await respond(send, status, [(b"content-type", content_type)], body)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "docmill-simulator"}


def _key(scope: Scope) -> str:
    return header(scope, b"authorization").removeprefix("Bearer ").strip()


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
