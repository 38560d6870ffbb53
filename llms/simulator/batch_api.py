"""Which responses do files and batches get? The routes of the Batch API below `/v1`."""

from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from llms.simulator.batches import Batches, page_of
from llms.simulator.errors import Problem
from llms.simulator.files import Files, UploadError, read_form
from llms.simulator.provider import Provider

Query = dict[str, list[str]]
"""Parameters of a URL, each with all its values."""

_PAGE = 20
_LONGEST_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of a file, to be sent as they are."""

    content: bytes


class BatchApi:
    """Files and batches of an account. Every method returns JSON, a `Problem` or `Content`;
    null for a route that does not exist.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._files = Files()
        self.batches = Batches(provider, self._files)

    def files(
        self, method: str, rest: list[str], body: bytes, content_type: str, query: Query
    ) -> Any:
        """`/v1/files/...`: upload, list, retrieve, content, delete; `rest` is the path behind."""
        match method, rest:
            case "POST", []:
                return self._uploaded(body, content_type)
            case "GET", []:
                return page_of([f.as_json() for f in self._files.all()], *_paging(query))
        stored = self._files.get(rest[0]) if rest else None
        if stored is None:
            return Problem.of(404, f"There is no file {rest[0]!r}.", param="id") if rest else None
        match method, rest[1:]:
            case "GET", []:
                return stored.as_json()
            case "GET", ["content"]:
                return Content(stored.content)
            case "DELETE", []:
                self._files.remove(stored.file_id)
                return {"id": stored.file_id, "object": "file", "deleted": True}
        return None

    def batched(self, method: str, rest: list[str], body: bytes, query: Query) -> Any:
        """`/v1/batches/...`: create, list, retrieve, cancel; `rest` is the path behind."""
        match method, rest:
            case "POST", []:
                return self._created(body)
            case "GET", []:
                found = [self.batches.as_json(batch) for batch in self.batches.all()]
                return page_of(found, *_paging(query))
        batch = self.batches.get(rest[0]) if rest else None
        if batch is None:
            return Problem.of(404, f"There is no batch {rest[0]!r}.", param="id") if rest else None
        match method, rest[1:]:
            case "GET", []:
                return self.batches.as_json(batch)
            case "POST", ["cancel"]:
                return self.batches.cancel(batch) or self.batches.as_json(batch)
        return None

    def _uploaded(self, body: bytes, content_type: str) -> Any:
        try:
            form = read_form(content_type, body)
        except UploadError as error:
            return Problem.of(400, str(error))
        if "file" not in form or "purpose" not in form:
            return Problem.of(400, "An upload needs a file and a purpose.", param="file")
        purpose = form["purpose"][1].decode("utf-8", "replace")
        name, content = form["file"]
        return self._files.add(name, purpose, content, int(self._provider.now())).as_json()

    def _created(self, body: bytes) -> Any:
        try:
            given = from_json(body)
        except ValueError as error:
            return Problem.of(400, f"The body is not JSON: {error}.")
        made = self.batches.create(given)
        return made if isinstance(made, Problem) else self.batches.as_json(made)


def _paging(query: Query) -> tuple[int, str | None]:
    limit = query.get("limit", [""])[0]
    most = min(int(limit), _LONGEST_PAGE) if limit.isdecimal() and int(limit) else _PAGE
    return most, query["after"][0] if "after" in query else None
