"""How is the Batch API spoken? Files and batches of one provider, and what their results say."""

import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

import httpx2

from llms.classification import Failure, classify_exception, classify_response
from llms.failures import FailureClass
from llms.sdk import Endpoint, RawResponse

WINDOW: Final = "24h"
"""The one completion window that the API knows."""

TAG = "docmill_batch"
"""Name in a batch's metadata that holds our own id of it."""

FINAL = frozenset({"completed", "expired", "cancelled", "failed"})

TOKENS_EXCEEDED = "token_limit_exceeded"
"""Code of a batch that was refused because too many tokens are enqueued already."""

_PAGE = 100
_MOST_PAGES = 50

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a batch stands at the provider.

    Attributes:
        batch_id: The provider's id.
        status: The provider's word for it.
        output_id: The file of the answers, once there is one.
        errors_id: The file of what failed or was not worked on, once there is one.
        expires_at: When its window ends, in seconds since the epoch.
        errors: What was wrong with it as a whole: pairs of code and message.
    """

    batch_id: str
    status: str
    output_id: str | None = None
    errors_id: str | None = None
    expires_at: float | None = None
    errors: tuple[tuple[str, str], ...] = field(default=())

    @property
    def is_final(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in FINAL


class Result(NamedTuple):
    """What became of a request; without a response it was not worked on."""

    key: str
    response: RawResponse | None


class BatchApi:
    """Files and batches at a provider; methods return a `Failure` where that is what came back.

    Args:
        endpoint: The provider.
        url: What requests name as their URL.
    """

    def __init__(self, endpoint: Endpoint, *, url: str = "/v1/chat/completions") -> None:
        self._endpoint = endpoint
        self.url = url

    async def upload(self, name: str, content: bytes) -> str | Failure:
        """Upload an input file; returns its id."""
        files = self._endpoint.sdk.files
        made = await self._tried(
            lambda: files.create(file=(name, content, "application/jsonl"), purpose="batch")
        )
        return made if isinstance(made, Failure) else made.id

    async def create(self, file_id: str, tag: str) -> Standing | Failure:
        """Make a batch of an input file, tagged with our own id of it."""
        endpoint: Any = self.url  # the SDK's type lists the paths of one provider
        made = await self._tried(
            lambda: self._endpoint.sdk.batches.create(
                input_file_id=file_id,
                endpoint=endpoint,
                completion_window=WINDOW,
                metadata={TAG: tag},
            )
        )
        return made if isinstance(made, Failure) else _standing(made)

    async def find(self, tag: str, since: float) -> Standing | Failure | None:
        """The batch with our tag, if there is one; looked for back to a time in seconds."""
        after: str | None = None
        for _ in range(_MOST_PAGES):
            page = await self._tried(partial(self._page, after))
            if isinstance(page, Failure):
                return page
            for batch in page.data:
                if (batch.metadata or {}).get(TAG) == tag:
                    return _standing(batch)
            if not page.has_more or not page.data or page.data[-1].created_at < since:
                return None
            after = page.data[-1].id
        return None

    async def look(self, batch_id: str) -> Standing | Failure:
        """Where a batch stands."""
        found = await self._tried(lambda: self._endpoint.sdk.batches.retrieve(batch_id))
        return found if isinstance(found, Failure) else _standing(found)

    async def cancel(self, batch_id: str) -> Standing | Failure:
        """Have a batch stopped; what has been answered by then stays."""
        found = await self._tried(lambda: self._endpoint.sdk.batches.cancel(batch_id))
        return found if isinstance(found, Failure) else _standing(found)

    async def content(self, file_id: str) -> bytes | Failure:
        """The bytes of a file."""
        found = await self._tried(lambda: self._endpoint.sdk.files.content(file_id))
        return found if isinstance(found, Failure) else found.content

    async def delete(self, file_id: str) -> None:
        """Delete a file, if that is possible; an input file left behind costs nothing."""
        await self._tried(lambda: self._endpoint.sdk.files.delete(file_id))

    async def _page(self, after: str | None) -> Any:
        batches = self._endpoint.sdk.batches
        return await (
            batches.list(limit=_PAGE) if after is None else batches.list(limit=_PAGE, after=after)
        )

    async def _tried(self, ask: Callable[[], Awaitable[T]]) -> T | Failure:
        from openai import APIConnectionError, APIStatusError

        secrets = self._endpoint.secrets
        try:
            return await ask()
        except APIStatusError as error:
            got = error.response
            return classify_response(got.status_code, got.headers, got.content, secrets=secrets)
        except (APIConnectionError, httpx2.HTTPError, TimeoutError, OSError) as error:
            return classify_exception(error, url=self._endpoint.shown_url, secrets=secrets)


def input_line(key: str, body: bytes, url: str) -> bytes:
    """A request as a line of an input file."""
    # The body is JSON already: put in as it is rather than parsed to be written again.
    return b'{"custom_id":"%b","method":"POST","url":"%b","body":%b}\n' % (
        key.encode(),
        url.encode(),
        body,
    )


def results(content: bytes) -> Iterator[Result]:
    """What the lines of an output file or an error file say; a broken line is left out."""
    for text in content.splitlines():
        try:
            line = json.loads(text)
            key, response = line["custom_id"], line.get("response")
            if response is None or response.get("body") is None:
                error = line.get("error") or {}
                yield Result(key, _refused(error) if _is_answer(error) else None)
            else:
                body = json.dumps(response["body"]).encode()
                yield Result(key, RawResponse(int(response["status_code"]), {}, body))
        except (ValueError, TypeError, KeyError, AttributeError):
            continue


def refusal(standing: Standing) -> Failure:
    """Why a batch as a whole was refused."""
    code, message = standing.errors[0] if standing.errors else ("", "the batch failed")
    if code == TOKENS_EXCEEDED:
        return Failure(FailureClass.RATE_LIMITED, message, is_unexecuted=True)
    error = {"error": {"code": code, "message": f"the batch was refused: {message}"}}
    return classify_response(400, {}, json.dumps(error).encode())


def _is_answer(error: Any) -> bool:
    """Whether an entry without a response is the provider's answer to the request itself."""
    return bool(error) and error.get("code") not in ("batch_expired", "batch_cancelled")


def _refused(error: Any) -> RawResponse:
    return RawResponse(500, {}, json.dumps({"error": error}).encode())


def _standing(batch: Any) -> Standing:
    errors = batch.errors.data if batch.errors and batch.errors.data else []
    return Standing(
        batch_id=batch.id,
        status=batch.status,
        output_id=batch.output_file_id,
        errors_id=batch.error_file_id,
        expires_at=batch.expires_at,
        errors=tuple((error.code or "", error.message or "") for error in errors),
    )
