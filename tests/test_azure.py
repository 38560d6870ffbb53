"""Azure OpenAI: where requests go and how the key travels, over a real connection."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from llms.providers import provider_of
from llms.sdk import Endpoint, RawResponse
from schemas.job import Job

KEY = "0123456789abcdef0123456789abcdef"

MODELS = {"gpt-5.4-mini": "docmill mini/1"}


class Azure(ThreadingHTTPServer):
    """Writes down the path and the headers of every request, and answers an empty object."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[tuple[str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Azure

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen.append((self.path, headers))
        body = b"{}"
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def azure() -> Iterator[Azure]:
    server = Azure()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def post(azure: Azure, api_id: str, **declared: object) -> tuple[str, dict[str, str]]:
    """The path and the headers that a request arrives with."""
    spec = {"kind": "azure", "key_env": "AZURE_KEY", "models": MODELS, **declared}
    provider = provider_of(
        "azure", {}, Job.model_validate({"providers": {"azure": spec}}).providers
    )

    async def posted() -> None:
        endpoint = Endpoint(provider, KEY, timeout_s=10)
        try:
            body = json.dumps({"model": api_id, "messages": []}).encode()
            answer = await endpoint.post(body, api_id)
        finally:
            await endpoint.aclose()
        assert isinstance(answer, RawResponse)

    asyncio.run(posted())
    return azure.seen[0]


@pytest.mark.parametrize("tail", ["", "/", "/openai", "/openai/"])
def test_a_deployment_stands_in_the_path_and_the_key_in_its_own_header(
    azure: Azure, tail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "a-token-that-must-not-win")

    path, headers = post(
        azure, "docmill mini/1", base_url=azure.url + tail, api_version="2024-10-21"
    )

    assert path == (
        "/openai/deployments/docmill%20mini%2F1/chat/completions?api-version=2024-10-21"
    )
    assert headers["api-key"] == KEY
    assert "authorization" not in headers


def test_the_newer_endpoint_is_one_like_any_other(azure: Azure) -> None:
    path, headers = post(azure, "mini", base_url=f"{azure.url}/openai/v1/")

    assert path == "/openai/v1/chat/completions"
    assert headers["authorization"] == f"Bearer {KEY}"


def test_what_is_meant_for_openai_goes_to_openai_only(
    azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-private")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-private")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Private: private")

    for base_url in (azure.url, f"{azure.url}/openai/v1"):
        azure.seen.clear()
        version = None if base_url.endswith("v1") else "2024-10-21"
        _, headers = post(
            azure, "mini", base_url=base_url, api_version=version, headers={"X-Team": "invoices"}
        )
        assert "private" not in json.dumps(headers)
        assert headers["x-team"] == "invoices"
