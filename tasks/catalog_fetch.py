"""How is a source's document fetched: bounded in time, size and pages, and without telling keys?"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Self
from urllib.parse import urlsplit

import httpx2

from llms.catalog_sources import artificial_analysis, litellm, openrouter
from llms.catalog_sources.rows import NAMES, Reading, Source
from llms.failures import CatalogError

TIMEOUT_S = 30.0
"""Seconds for a whole answer, its last byte included."""

MAX_BYTES = 32 * 1024 * 1024
"""LiteLLM's table, the largest, had 1.6 MB in July 2026."""

MAX_PAGES = 25

AA_KEYS = ("AA_API_KEY", "ARTIFICIAL_ANALYSIS_API_KEY")
"""Environment variables with the key for Artificial Analysis; the first one that is set."""

URLS = {
    Source.ARTIFICIAL_ANALYSIS: (
        "DOCMILL_AA_URL",
        "https://artificialanalysis.ai/api/v2/data/llms/models",
    ),
    Source.OPENROUTER: ("DOCMILL_OPENROUTER_LIST_URL", "https://openrouter.ai/api/v1/models"),
    Source.LITELLM: (
        "DOCMILL_LITELLM_URL",
        "https://raw.githubusercontent.com/BerriAI/litellm/main/"
        "model_prices_and_context_window.json",
    ),
}
"""Per source the environment variable that replaces its address, and the address."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_REASONS = {
    400: "the request was not understood",
    401: "the key was not accepted",
    403: "the key may not read this",
    404: "there is no such list at this address",
    429: "too many requests, or the key's quota is used up; try again later",
}


class FetchError(CatalogError):
    """A source could not be read; the message says which, and why, without keys or queries."""

    @classmethod
    def of(cls, source: Source, why: str) -> Self:
        """Build the error; `why` is a clause."""
        return cls(f"{NAMES[source]} could not be read: {why}")


def key_of(env: Mapping[str, str]) -> str | None:
    """The key for Artificial Analysis, if one is set."""
    return next((env[name] for name in AA_KEYS if env.get(name)), None)


@dataclass(frozen=True)
class Fetcher:
    """Fetches the documents of sources.

    Attributes:
        env: Where keys and other addresses stand.
        today: The day that the figures stand for.
        transport: What to send through; null for the network.
        timeout_s: Seconds for one answer.
        clock: Tells seconds, for the limit of time.
    """

    env: Mapping[str, str] = field(repr=False)  # keys must not reach a log
    today: date
    transport: httpx2.BaseTransport | None = None
    timeout_s: float = TIMEOUT_S
    clock: Callable[[], float] = time.monotonic

    def read(self, source: Source) -> Reading:
        """Fetch and read a source.

        Raises:
            CatalogError: It cannot be reached, answers with an error, too slowly, too much or only
                in part, or what it sends is no list of models.
        """
        # Redirects are not followed: a key must not go where a redirect points.
        with httpx2.Client(
            transport=self.transport, timeout=self.timeout_s, follow_redirects=False
        ) as client:
            if source is Source.ARTIFICIAL_ANALYSIS:
                return artificial_analysis.parse(self._pages(client), self.today)
            parse = openrouter.parse if source is Source.OPENROUTER else litellm.parse
            return parse(self._get(client, source), self.today)

    def _pages(self, client: httpx2.Client) -> list[bytes]:
        source = Source.ARTIFICIAL_ANALYSIS
        pages = [self._get(client, source)]
        while artificial_analysis.has_next_page(pages[-1]):
            if len(pages) == MAX_PAGES:
                raise FetchError.of(source, f"its list goes on after {MAX_PAGES} pages")
            pages.append(self._get(client, source, page=len(pages) + 1))
        return pages

    def _get(self, client: httpx2.Client, source: Source, page: int | None = None) -> bytes:
        variable, usual = URLS[source]
        url = self.env.get(variable) or usual
        headers = {"accept": "application/json"}
        if source is Source.ARTIFICIAL_ANALYSIS:
            headers["x-api-key"] = self._key(url)
        until = self.clock() + self.timeout_s
        try:
            with client.stream(
                "GET", url, headers=headers, params=None if page is None else {"page": page}
            ) as response:
                return self._body(source, response, until)
        except httpx2.TimeoutException:
            raise FetchError.of(source, f"no answer within {self.timeout_s:g} s") from None
        except (httpx2.RemoteProtocolError, httpx2.ReadError):
            raise FetchError.of(source, "the answer broke off") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            # Of the error only its kind: its text may hold the address, and that a password.
            why = f"nothing answers at {_address(url)} ({type(error).__name__})"
            raise FetchError.of(source, f"{why}; {variable} changes the address") from None

    def _key(self, url: str) -> str:
        key = key_of(self.env)
        if key is None:
            raise FetchError.of(
                Source.ARTIFICIAL_ANALYSIS, f"it needs a key; set {AA_KEYS[0]} to yours"
            )
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise FetchError.of(
                Source.ARTIFICIAL_ANALYSIS, "its key is sent over https only; mend DOCMILL_AA_URL"
            )
        return key

    def _body(self, source: Source, response: httpx2.Response, until: float) -> bytes:
        status = response.status_code
        if status != 200:
            why = _REASONS.get(status, "its own fault" if status >= 500 else "not an answer")
            raise FetchError.of(source, f"HTTP {status}, {why}")
        kind = response.headers.get("content-type", "").partition(";")[0].strip()
        if "html" in kind:
            raise FetchError.of(source, f"it sent a page for people ({kind}) instead of data")
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_BYTES:
                raise FetchError.of(source, f"it sent more than {MAX_BYTES // 2**20} MB")
            # The client's own limit is per read, and starts anew with each byte that drips in.
            if self.clock() > until:
                raise FetchError.of(source, f"no whole answer within {self.timeout_s:g} s")
        return bytes(body)


def _address(url: str) -> str:
    """The host of an address, without what may be secret in it."""
    try:
        return urlsplit(url).hostname or "no host"
    except ValueError:
        return "no host"
