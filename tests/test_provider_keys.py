"""Keys in Prefect Secret blocks: read by the flow, sent to the provider, written down nowhere."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from llms.failures import ProviderError
from llms.offline.app import CAREFUL, QUICK, respond
from llms.providers import SECRET_BLOCK, key, provider_of
from schemas.job import Job
from schemas.roles import Role
from tasks.key_ring import keep, keys
from tests.conftest import PrefectServer
from tests.small_runs import invoices

KEY = "sk-block-51f0c2d7e8a94b36"
BLOCK = "docmill-test-key"


class Provider(ThreadingHTTPServer):
    """The offline rules over HTTP; writes down which keys it is shown."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keys: list[str | None] = []


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self) -> None:
        self.server.keys.append(self.headers["authorization"])
        raw = self.rfile.read(int(self.headers["content-length"]))
        status, body = respond("POST", self.path, raw, int(time.time()))
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def provider() -> Iterator[Provider]:
    server = Provider()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def job_file(folder: Path, base_url: str) -> Path:
    """A job whose provider keeps its key in a Secret block."""
    invoices(folder / "in", 3)
    quick = [Role.EXTRACTION_WORKER.value, Role.FORMATTING_WORKER.value]
    free = {"input_price": 0, "output_price": 0}
    spec = {
        "base_url": base_url,
        "key_block": BLOCK,
        "models": {
            QUICK: {**free, "roles": quick},
            CAREFUL: {**free, "roles": [role.value for role in Role if role.value not in quick]},
        },
    }
    job = {
        "name": "post",
        "lake": str(folder / "lake"),
        "source": {"path": "in"},
        "types": ["invoice"],
        "profile": "keyed",
        "providers": {"keyed": spec},
    }
    path = folder / "docmill.yaml"
    path.write_text(yaml.safe_dump(job))
    return path


@pytest.mark.slow
def test_a_key_goes_from_its_block_to_the_provider_and_nowhere_else(
    prefect_server: PrefectServer, provider: Provider, tmp_path: Path
) -> None:
    job = job_file(tmp_path, f"http://127.0.0.1:{provider.server_port}/v1")
    save = f"from prefect.blocks.system import Secret; Secret(value={KEY!r}).save({BLOCK!r})"
    prefect_server.run("python", "-c", save)

    said = prefect_server.run("docmill", "run", str(job), "--json")

    done = json.loads(said.splitlines()[-1])
    assert (done["status"], done["extracted"]) == ("done", 3)
    assert provider.keys
    assert set(provider.keys) == {f"Bearer {KEY}"}
    home = Path(prefect_server.environment["PREFECT_HOME"])
    written = [path for top in (tmp_path, home) for path in top.rglob("*") if path.is_file()]
    assert {path.name for path in written} >= {"manifest.json", "prefect.db", "responses.db"}
    assert [path for path in written if KEY.encode() in path.read_bytes()] == []
    assert KEY not in said


@pytest.mark.slow
def test_a_key_in_the_parameters_of_a_flow_is_refused_and_not_repeated() -> None:
    from flows.pipeline import document_pipeline

    spec = {"base_url": "http://x/v1", "models": ["*"], "key_env": KEY, "api_key": KEY}

    with pytest.raises(Exception, match="key_env") as caught:
        document_pipeline.validate_parameters({"job": {"providers": {"x": spec}}})

    assert KEY not in f"{caught.value!r} {caught.value}"


def test_without_a_flow_a_block_cannot_be_read_and_the_message_says_so(tmp_path: Path) -> None:
    file = job_file(tmp_path, "http://127.0.0.1:9/v1")
    declared = Job.model_validate(yaml.safe_load(file.read_text())).providers

    with pytest.raises(ProviderError, match=f"Prefect Secret block '{BLOCK}' and run through"):
        key(provider_of("keyed", {}, declared), {})


def test_what_a_flow_has_fetched_is_found_beside_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tasks.key_ring._fetched", {})
    spec = {"base_url": "http://x/v1", "models": ["*"], "key_env": "X_KEY", "key_block": "x-key"}
    provider = provider_of("x", {}, Job.model_validate({"providers": {"x": spec}}).providers)

    keep("x-key", "from-the-block-1")
    assert key(provider, keys()) == "from-the-block-1"

    monkeypatch.setenv("X_KEY", "from-the-variable-1")
    assert key(provider, keys()) == "from-the-variable-1"
    monkeypatch.undo()
    assert f"{SECRET_BLOCK}x-key" not in keys()
