"""One provider as requests reach it: the SDK writes the first one, and the next are like it."""

import asyncio
from collections.abc import Callable

import httpx2
import pytest

from llms.classification import Failure
from llms.failures import FailureClass
from llms.sdk import Endpoint, RawResponse
from schemas.providers import Provider

_URL = "https://models.example/v1"
Answer = Callable[[httpx2.Request], httpx2.Response]


def _posted(answer: Answer, bodies: list[bytes]) -> list[RawResponse | Failure]:
    """What comes back for these bodies, one after the other, from a provider that answers so."""
    provider = Provider(name="example", base_url=_URL, headers={"X-Team": "archive"})

    async def run() -> list[RawResponse | Failure]:
        transport = httpx2.MockTransport(answer)
        endpoint = Endpoint(provider, "a-key", timeout_s=10, transport=transport)
        try:
            return [await endpoint.post(body, "a-model") for body in bodies]
        finally:
            await endpoint.aclose()

    return asyncio.run(run())


def test_every_request_has_its_own_body_and_the_headers_of_the_first() -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200, content=request.content.upper())

    posted = _posted(answer, [b'{"a":1}', b'{"b":22}', b'{"c":333}'])

    assert [one.content for one in posted if isinstance(one, RawResponse)] == [
        b'{"A":1}',
        b'{"B":22}',
        b'{"C":333}',
    ]
    lengths = [request.headers.pop("content-length") for request in asked]
    assert lengths == ["7", "8", "9"]
    assert [request.headers for request in asked[1:]] == [asked[0].headers] * 2
    assert asked[2].headers["authorization"] == "Bearer a-key"
    assert asked[2].headers["x-team"] == "archive"
    assert {str(request.url) for request in asked} == {f"{_URL}/chat/completions"}


def test_a_status_that_is_an_error_comes_back_as_it_is_on_every_request() -> None:
    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(429, headers={"Retry-After": "3"}, content=b"slow down")

    for one in _posted(answer, [b"{}", b"{}"]):
        assert isinstance(one, RawResponse)
        assert (one.status, one.headers["retry-after"], one.content) == (429, "3", b"slow down")


@pytest.mark.parametrize(
    ("error", "failure_class"),
    [
        (httpx2.ConnectError("refused"), FailureClass.UNREACHABLE),
        (httpx2.ReadTimeout("silent"), FailureClass.TIMEOUT),
        (httpx2.RemoteProtocolError("cut off"), FailureClass.CONNECTION),
    ],
    ids=["no connection", "silence", "cut off"],
)
def test_what_breaks_is_told_apart_on_every_request(
    error: httpx2.TransportError, failure_class: FailureClass
) -> None:
    asked = 0

    def answer(_request: httpx2.Request) -> httpx2.Response:
        nonlocal asked
        asked += 1
        if asked == 2:
            return httpx2.Response(200, content=b"{}")
        raise error

    first, answered, again = _posted(answer, [b"{}", b"{}", b"{}"])

    assert isinstance(answered, RawResponse)
    for one in (first, again):
        assert isinstance(one, Failure)
        assert one.failure_class is failure_class


def test_a_provider_that_moves_meanwhile_is_followed() -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.host)
        if len(asked) > 1 and request.url.host == "models.example":
            elsewhere = "https://elsewhere.example/v1/chat/completions"
            return httpx2.Response(308, headers={"Location": elsewhere})
        return httpx2.Response(200, content=request.content)

    posted = _posted(answer, [b"1", b"2", b"3"])

    assert [one.content for one in posted if isinstance(one, RawResponse)] == [b"1", b"2", b"3"]
    assert asked[0] == "models.example"
    assert asked[-1] == "elsewhere.example"
