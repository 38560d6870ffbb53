"""How is a request put and sent? The body of a chat completion, and the openai SDK as transport."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import httpx2

from llms.calls import Call
from llms.classification import Failure, classify_exception, redact
from llms.connections import connections
from llms.failures import FailureClass, ProviderError
from llms.pricing import output_limit
from llms.providers import OPENAI
from schemas.providers import Provider, url_problem
from schemas.roles import Model

if TYPE_CHECKING:
    from openai import AsyncOpenAI

    from llms.budget import Reservation

_EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})
"""Efforts that requests know; a catalog has others, for models that think as they please."""

_CONNECT_S = 10.0
_MOST_CONNECTIONS = 1000
_IDLE_S = 30.0
_MOST_SCHEMAS = 256

_KEY_VERSION = b"1"
"""Part of every key; to be raised when requests change in a way their content does not show."""

_PLAIN_JSON = """
Answer with one JSON object and nothing else: no prose, no code fence. It must be valid under this \
JSON schema:
"""

_AGAIN = """\
Your answer could not be used: {problem}.
Answer again with one JSON object that is valid under the schema, and nothing else."""


@dataclass(frozen=True, slots=True)
class Request:
    """A call as it is asked, before it is known of which model.

    Attributes:
        messages: Pairs of role and content; what is stable between calls comes first.
        schema_name: Name of the answer's schema.
        schema_text: The schema, as JSON.
        max_output_tokens: Limit of the answer in tokens, thinking not included.
        digest: Hash of all of the above.
        logprobs: Whether token probabilities are wanted; no part of the digest, so that answers
            with and without them are the same answer.
        keys: The keys that have been asked for, by slug of the model.
    """

    messages: tuple[tuple[str, str], ...]
    schema_name: str
    schema_text: str
    max_output_tokens: int
    digest: bytes
    logprobs: bool = field(default=False, compare=False)
    keys: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, call: Call) -> Self:
        """The request of a call."""
        return cls._hashed(
            (("system", call.system), ("user", call.user)),
            call.schema_name,
            _schema_text(call.schema),
            call.max_output_tokens,
            logprobs=call.logprobs,
        )

    @classmethod
    def _hashed(
        cls,
        messages: tuple[tuple[str, str], ...],
        name: str,
        schema_text: str,
        most: int,
        *,
        logprobs: bool,
    ) -> Self:
        parts = [_KEY_VERSION, name.encode(), _bytes(schema_text), str(most).encode()]
        parts += [_bytes(part) for message in messages for part in message]
        # Each with its length, so that no two lists of parts read the same.
        measured = b"".join(b"%d:%b" % (len(part), part) for part in parts)
        digest = hashlib.sha256(measured).digest()
        return cls(messages, name, schema_text, most, digest, logprobs)

    def again(self, answer: str, problem: str) -> Self:
        """The request to correct an answer: the conversation so far and what was wrong."""
        said = (("assistant", answer),) if answer.strip() else ()
        messages = (*self.messages, *said, ("user", _AGAIN.format(problem=problem)))
        return self._hashed(
            messages,
            self.schema_name,
            self.schema_text,
            self.max_output_tokens,
            logprobs=self.logprobs,
        )

    def key(self, model: Model) -> str:
        """What identifies this request to this model, whoever serves it: 64 hexadecimal digits."""
        if model.slug not in self.keys:
            # Not the name in requests, which differs from provider to provider.
            asked = f"{model.slug}\n{model.effort}\n{_is_thinking(model)}\n{_version(model)}"
            self.keys[model.slug] = hashlib.sha256(self.digest + asked.encode()).hexdigest()
        return self.keys[model.slug]

    def body(self, model: Model, rejected: frozenset[str] = frozenset()) -> bytes:
        """The JSON body for a model, without the parameters it has rejected.

        Without `response_format` the schema is written into the system message instead.
        """
        messages = self.messages
        if "response_format" in rejected:
            (role, system), *others = messages
            messages = ((role, system + _PLAIN_JSON + self.schema_text), *others)
        limit = "max_tokens" if "max_completion_tokens" in rejected else "max_completion_tokens"
        fields: dict[str, Any] = {
            "model": model.api_id,
            "messages": [{"role": role, "content": content} for role, content in messages],
            limit: output_limit(model, self.max_output_tokens),
        }
        if model.effort in _EFFORTS and "reasoning_effort" not in rejected:
            fields["reasoning_effort"] = model.effort
        if not _is_thinking(model) and "temperature" not in rejected:
            fields["temperature"] = 0
        if self.logprobs and model.logprobs and "logprobs" not in rejected:
            fields["logprobs"] = True
        text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        if "response_format" not in rejected:
            # The schema is JSON already: put in as it is rather than parsed to be written again.
            name = json.dumps(self.schema_name)
            text = (
                f'{text[:-1]},"response_format":{{"type":"json_schema","json_schema":'
                f'{{"name":{name},"strict":true,"schema":{self.schema_text}}}}}}}'
            )
        return _bytes(text)


@dataclass(frozen=True, slots=True)
class RawResponse:
    """An HTTP response, whatever its status."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Endpoint:
    """One provider, reached through the openai SDK with its own retries off.

    Made on an event loop and used on that one only.

    Args:
        provider: Where requests go.
        key: The provider's key.
        timeout_s: Longest time from sending to the last byte of the answer, in seconds.
        transport: Takes the place of the network: in-process applications, tests.

    Attributes:
        secrets: What no message may show.
        shown_url: The base URL as messages may show it.
        sdk: The SDK's client, for other requests than chat completions.

    Raises:
        ProviderError: The base URL is not one.
    """

    def __init__(
        self,
        provider: Provider,
        key: str,
        *,
        timeout_s: float,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.secrets = (key,)
        self.shown_url = provider.shown_url
        self._provider = provider
        self._timeout_s = timeout_s
        if transport is None and provider.in_process:
            transport = _in_process_transport()
        if transport is None:
            transport = connections(_MOST_CONNECTIONS, _IDLE_S)
        if problem := url_problem(provider.base_url):
            raise ProviderError(
                f"the base URL {provider.shown_url!r} of provider {provider.name} is not one "
                f"({problem}); write it like https://host/v1"
            )
        self._transport = transport
        # What the SDK made of a request, by path: its URL and headers serve for the next ones.
        self._made: dict[str, httpx2.Request] = {}
        self._http = httpx2.AsyncClient(
            transport=transport,
            timeout=httpx2.Timeout(timeout_s, connect=_CONNECT_S),
            limits=httpx2.Limits(max_connections=_MOST_CONNECTIONS, keepalive_expiry=_IDLE_S),
            follow_redirects=True,
        )
        self.sdk = _sdk(provider, key, self._http)

    async def post(
        self, body: bytes, api_id: str, _reservation: "Reservation | None" = None
    ) -> RawResponse | Failure:
        """Send the body of a chat completion; a `Failure` when no response came back.

        Args:
            body: The request, as `Request.body` makes it.
            api_id: The model it names, which some providers want in the path.
        """
        path = self._path(api_id)
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._again(path, body) or await self._by_sdk(path, body)
                return RawResponse(response.status_code, response.headers, response.content)
        except (httpx2.HTTPError, TimeoutError, OSError) as error:
            return classify_exception(error, url=self._provider.shown_url, secrets=self.secrets)
        except Exception as error:
            if not self._provider.in_process:
                raise
            # Rules that fail on a document fail on it every time: its own dead letter, no retry.
            words = redact(f"{type(error).__name__}: {error}")
            return Failure(FailureClass.INVALID_ANSWER, f"the engine broke down ({words})")

    async def _by_sdk(self, path: str, body: bytes) -> httpx2.Response:
        from openai import APIConnectionError, APIStatusError

        try:
            # The SDK's generic `post` rather than `chat.completions.create`: that one walks the
            # whole schema to transform it and builds models of the answer, at three times the cost.
            response = await self.sdk.post(
                path,
                cast_to=httpx2.Response,
                content=body,
                options={"headers": {"Content-Type": "application/json"}},
            )
        except APIStatusError as error:
            response = error.response
        except APIConnectionError as error:
            raise error.__cause__ or httpx2.TransportError(str(error)) from None
        if not response.history:
            self._made[path] = response.request
        return response

    async def _again(self, path: str, body: bytes) -> httpx2.Response | None:
        """Send a request as the SDK has put an earlier one, with another body.

        The SDK takes as long over each request as all the rest of sending it does, and comes to the
        same URL and headers. Null where it is to have a look itself: before the first request, when
        the provider sends us elsewhere, and where the client chooses among proxies.
        """
        made = self._made.get(path)
        if made is None or self._transport is None:
            return None
        headers = [pair for pair in made.headers.raw if pair[0].lower() != b"content-length"]
        request = httpx2.Request(
            made.method, made.url, headers=headers, content=body, extensions=made.extensions
        )
        response = await self._transport.handle_async_request(request)
        try:
            await response.aread()
        finally:
            await response.aclose()
        return None if response.has_redirect_location else response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _path(self, api_id: str) -> str:
        chat = "/chat/completions"
        if not self._provider.has_deployments:
            return chat
        return f"/deployments/{quote(api_id, safe='')}{chat}"


def _is_thinking(model: Model) -> bool:
    return model.thinking_factor > 1 or model.effort not in (None, "none", "default")


def _version(model: Model) -> str:
    """What an answer depends on beside the request: the rules, for the engines that have them."""
    if model.kind != "rules":
        return ""
    from llms.offline.engine import RULES_VERSION

    return RULES_VERSION


_schema_texts: dict[int, tuple[Mapping[str, Any], str]] = {}
"""Texts of the schemas that were asked for last, by identity, with the schema: while it is here,
no other object can have its identity."""


def _schema_text(schema: Mapping[str, Any]) -> str:
    # Callers keep the schema of a question; writing it down anew takes longer than the hashing.
    known = _schema_texts.get(id(schema))
    if known is None:
        text = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
        while len(_schema_texts) >= _MOST_SCHEMAS:
            _schema_texts.pop(next(iter(_schema_texts)), None)
        known = _schema_texts[id(schema)] = (schema, text)
    return known[1]


def _bytes(text: str) -> bytes:
    # Half a surrogate pair, as broken documents have them, is no text that could be sent.
    return text.encode("utf-8", "replace")


def _sdk(provider: Provider, key: str, http: httpx2.AsyncClient) -> "AsyncOpenAI":
    # Imported here: the SDK takes most of a second to import, and `docmill --help` needs none.
    from openai import AsyncAzureOpenAI, AsyncOpenAI

    sdk: AsyncOpenAI
    if provider.has_deployments:
        root = provider.base_url.rstrip("/").removesuffix("/openai")
        sdk = AsyncAzureOpenAI(
            base_url=f"{root}/openai",
            api_version=provider.api_version,
            api_key=key,
            max_retries=0,
            timeout=http.timeout,
            http_client=http,
        )
    else:
        sdk = AsyncOpenAI(
            base_url=provider.base_url,
            api_key=key,
            max_retries=0,
            timeout=http.timeout,
            http_client=http,
        )
    if provider.name != OPENAI:
        # The SDK takes OPENAI_ORG_ID, OPENAI_PROJECT_ID and OPENAI_CUSTOM_HEADERS out of the
        # environment whatever the base URL is, its copies too; nobody but OpenAI is to see them.
        sdk.organization = sdk.project = None
        sdk._custom_headers = {}
    sdk._custom_headers = {**sdk._custom_headers, **provider.headers}
    return sdk


def _in_process_transport() -> httpx2.AsyncBaseTransport:
    from llms.offline.helper import OfflineTransport

    return OfflineTransport()
