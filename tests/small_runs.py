"""Small folders and real runs over them: with the offline rules, or with a provider that costs."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from flows.wiring import Direct, run_pipeline, start_run
from llms.offline.app import CAREFUL, QUICK, create_app
from schemas.job import Job
from schemas.manifest import Manifest, RunStatus, RunSummary
from storage.manifests import read_manifest, write_manifest
from storage.store import Lake

SECRET = "sk-secret-0123456789abcdef"
_CHEAP = ("nano", "mini", "luna", "flash")
"""Parts of model names that the quick engine plays; the careful one plays all others."""

Refusal = tuple[int, dict[str, Any]]


def invoice(number: int, total: str = "119.00") -> str:
    """An invoice that both engines can read."""
    return (
        f"Weidmann Feinmechanik GmbH\nInvoice No: INV-{number:04}\n"
        f"Invoice date: 2026-03-{number % 28 + 1:02}\nBill to: Harbour & Finch Ltd\n\n"
        f"Total: EUR {total}\n"
    )


def write_folder(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files by their path below `folder`; returns `folder`."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def invoices(folder: Path, count: int) -> Path:
    """A folder of different invoices."""
    return write_folder(folder, {f"{n:03}.txt": invoice(n, f"{n + 100}.50") for n in range(count)})


def make_job(source: Path, /, **changes: Any) -> Job:
    """A job over a folder of invoices, with its lake beside the folder."""
    usual: dict[str, Any] = {
        "name": "post",
        "lake": str(source.parent / "lake"),
        "source": {"path": str(source)},
        "types": ("invoice",),
    }
    return Job.model_validate({**usual, **changes})


def run(job: Job, env: Mapping[str, str] | None = None, **start: Any) -> RunSummary:
    """Run a job from start to end in this process."""
    return run_pipeline(start_run(job, env=env or {}, **start), Direct())


def as_killed(lake: Lake, run_id: str) -> Manifest:
    """Leave the manifest of a run as a kill would have: running, without an end."""
    manifest = read_manifest(lake, run_id)
    killed = manifest.model_copy(update={"status": RunStatus.RUNNING, "outputs": {}})
    write_manifest(lake, killed)
    return killed


def records(lake: Lake, name: str = "invoice", job: str = "post") -> pa.Table:
    """Every record of a type, sorted by document."""
    tables = [lake.read_table(path) for path in lake.find(f"records/{job}/{name}", ".parquet")]
    return pa.concat_tables(tables).sort_by("doc_id")


class PaidProvider:
    """The offline engines at a price, in place of the network of the profile `openai`.

    Attributes:
        asked: Hash of the body of every request that was answered with 200, in order.
        refusal: Given a request's body, the error to answer with, or null.
    """

    ENV = MappingProxyType({"OPENAI_API_KEY": SECRET})

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refusal: Callable[[dict[str, Any]], Refusal | None] = lambda _: None
        self._app = create_app()

    def paid_twice(self) -> int:
        """How many requests were paid for although they had been before."""
        return sum(count - 1 for count in Counter(self.asked).values())

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Answer one request."""
        raw, more = b"", True
        while more:
            message = await receive()
            raw += message.get("body", b"")
            more = message.get("more_body", False)
        body = json.loads(raw)
        if refused := self.refusal(body):
            status, error = refused
            payload = json.dumps({"error": error}).encode()
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": payload})
            return
        self.asked.append(hashlib.sha256(raw).hexdigest())
        is_cheap = any(part in body["model"] for part in _CHEAP)
        rewritten = json.dumps({**body, "model": QUICK if is_cheap else CAREFUL}).encode()

        async def replay() -> dict[str, Any]:
            return {"type": "http.request", "body": rewritten, "more_body": False}

        await self._app(scope, replay, send)


def manifest_of(done: RunSummary) -> Manifest:
    """The manifest of a run that has ended."""
    return read_manifest(Lake(done.lake), done.run_id)


def figures(done: RunSummary) -> dict[str, Any]:
    """The figures of a report that do not depend on when it was made."""
    report = json.loads(Path(done.report).with_name("report.json").read_text())
    return dict(report["figures"])
