"""A server on loopback that stands in for the sources of the catalog."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from llms.catalog import CatalogModel, load_catalog
from llms.catalog_sources.rows import Source
from tasks.catalog_fetch import URLS, Fetcher
from tasks.catalog_refresh import RefreshReport, refresh
from tests.catalog_documents import (
    aa_document,
    aa_entry,
    litellm_document,
    litellm_entry,
    openrouter_document,
    openrouter_entry,
)

TODAY = date(2026, 7, 20)
KEY = "sk-very-secret"
JSON = "application/json"


@dataclass
class Answer:
    """What the server sends; a body shorter than its stated length breaks off."""

    body: bytes = b"{}"
    status: int = 200
    kind: str = JSON
    missing_bytes: int = 0
    hang: threading.Event | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Sources:
    """A server on loopback that stands in for all three sources, and what it was asked."""

    answers: dict[str, Answer]
    asked: list[tuple[str, str | None]]
    env: dict[str, str]
    timeout_s: float = 30.0

    def refresh(
        self, folder: Path, *asked: str, day: date = TODAY, **options: Any
    ) -> RefreshReport:
        return refresh(asked, folder, Fetcher(self.env, day, timeout_s=self.timeout_s), **options)


PATHS = {
    Source.ARTIFICIAL_ANALYSIS: "/aa",
    Source.OPENROUTER: "/openrouter",
    Source.LITELLM: "/litellm",
}


@contextmanager
def served(answers: dict[str, Answer]) -> Iterator[Sources]:
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("x-api-key")))
            answer = answers.get(self.path) or answers[self.path.partition("?")[0]]
            if answer.hang is not None:
                answer.hang.wait()
                return
            self.send_response(answer.status)
            self.send_header("content-type", answer.kind)
            self.send_header("content-length", str(len(answer.body) + answer.missing_bytes))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    root = f"http://127.0.0.1:{server.server_port}"
    env = {URLS[source][0]: f"{root}{path}" for source, path in PATHS.items()}
    try:
        yield Sources(answers, asked, env | {"AA_API_KEY": KEY})
    finally:
        for answer in answers.values():
            if answer.hang is not None:
                answer.hang.set()
        server.shutdown()
        thread.join()
        server.server_close()


def embedded_entry(model: CatalogModel, *, factor: float = 1.0, **changes: Any) -> dict[str, Any]:
    """What Artificial Analysis says of a model that ships with docmill; `factor` re-bases it."""
    intelligence = model.intelligence and round(factor * model.intelligence, 1)
    return aa_entry(
        model.slug,
        name=model.name,
        model_creator={"name": model.creator},
        evaluations={
            "artificial_analysis_intelligence_index": intelligence,
            "artificial_analysis_coding_index": model.coding,
        },
        pricing={
            "price_1m_input_tokens": model.input_price,
            "price_1m_output_tokens": model.output_price,
        },
        **changes,
    )


def embedded_entries(*, is_nested: bool = False) -> list[dict[str, Any]]:
    return [embedded_entry(model, is_nested=is_nested) for model in load_catalog().models]


def good_answers() -> dict[str, Answer]:
    return {
        "/aa": Answer(aa_document(embedded_entries())),
        "/openrouter": Answer(openrouter_document([openrouter_entry("z-ai/glm-5.2")])),
        "/litellm": Answer(litellm_document({"gpt-5.5": litellm_entry()})),
    }
