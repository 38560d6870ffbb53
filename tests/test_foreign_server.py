"""A server that is not ours: llama.cpp's own, with a model file that these tests write.

The model is nonsense, so nothing is said here about what documents are found to say; what holds
whatever a model answers is that answers fit the schema, that usage is booked, and that every
document ends as a record or as a dead letter.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from llms.attempt import read_outcome
from llms.classification import Failure
from llms.completion import Answer
from llms.failures import FailureClass
from llms.ping import ping
from llms.providers import provider_of
from llms.sdk import Endpoint
from schemas.job import Job
from schemas.roles import Model, Role
from storage.store import Lake
from tests.conftest import free_port
from tests.small_runs import invoice, make_job, run, write_folder
from tests.tiny_model import CONTEXT, write_tiny_model

pytest.importorskip("xllamacpp", reason="needs llama.cpp's server from the dev dependencies")

KEY = "a-key-for-llama-0123456789"

SERVER = """
import sys
import xllamacpp

params = xllamacpp.CommonParams()
params.model.path, params.port, context, key = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]
params.n_ctx, params.api_keys, params.n_parallel, params.warmup = int(context), [key], 1, False
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of llama.cpp's server, which ends with the tests of this module."""
    model = write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.gguf")
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(model), str(port), str(CONTEXT), KEY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        assert str(port) in server.stdout.readline(), "llama.cpp's server did not start"
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.communicate()  # the end of its input is the end of the server


def with_llama(job: Job, url: str) -> Job:
    """A job whose roles are all played by the tiny model, at $1 and $2 per million tokens."""
    changes = {
        "profile": "mine",
        "providers": {
            "llama": {
                "base_url": url,
                "key_env": "LLAMA_KEY",
                "in_flight": 4,
                "models": {
                    "tiny": {
                        "name": "tiny.gguf",
                        "input_price": 1,
                        "output_price": 2,
                        "roles": list(Role),
                    }
                },
            }
        },
        "profiles": {"mine": ["llama"]},
    }
    return Job.model_validate({**job.model_dump(mode="json"), **changes})


def tiny_model() -> Model:
    return Model(
        slug="tiny",
        name="tiny",
        creator="nobody",
        provider="llama",
        api_id="tiny.gguf",
        input_price=1,
        output_price=2,
    )


def test_a_job_runs_on_it_and_the_books_balance(
    llama: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMA_KEY", KEY)
    texts = {f"{n}.txt": invoice(n) for n in range(4)}
    texts["long.txt"] = invoice(9) + "Further conditions apply to this. " * 600  # 20,000 tokens
    source = write_folder(tmp_path / "in", texts)

    done = run(with_llama(make_job(source), llama), {"LLAMA_KEY": KEY})

    lake = Lake(done.lake)
    ledger = lake.find(f"attempts/{done.run_id}", ".parquet")
    attempts = [row for path in ledger for row in lake.read_table(path).to_pylist()]
    answered = [row for row in attempts if row["outcome"] == "ok" and not row["from_store"]]
    assert done.status == "done"
    assert (done.documents, done.extracted + done.failed) == (5, 5)
    assert {row["provider"] for row in attempts} == {"llama"}
    assert {row["stage"] for row in answered} >= {"extract", "escalate"}
    assert "context_too_long" in {row["outcome"] for row in attempts}, "the long one was not split"
    for row in answered:
        assert min(row["input_tokens"], row["output_tokens"]) > 0
        billed = (row["input_tokens"] + 2 * row["output_tokens"]) / 1e6
        assert row["usd"] == pytest.approx(billed)


@pytest.mark.parametrize(
    ("key", "is_fine"), [(KEY, True), ("another-key-0123456789", False)], ids=["right", "wrong"]
)
def test_a_ping_tells_whether_it_would_do(llama: str, key: str, is_fine: bool) -> None:
    provider = provider_of("llama", {}, with_llama(Job(), llama).providers)

    told = asyncio.run(ping(tiny_model(), provider, {"LLAMA_KEY": key}))

    assert (told.trouble, told.is_structured) == ((None, True) if is_fine else ("key", None))
    assert told.latency_ms is not None
    assert told.usd <= told.worst_usd
    assert (told.usd > 0) is is_fine
    assert key not in repr(told)


def ask(url: str, **fields: object) -> Answer | Failure:
    """What the server makes of a request with these fields."""
    provider = provider_of("llama", {}, with_llama(Job(), url).providers)

    async def asked() -> Answer | Failure:
        endpoint = Endpoint(provider, KEY, timeout_s=30)
        try:
            usual = {"model": "tiny.gguf", "messages": [{"role": "user", "content": "?"}]}
            body = json.dumps({**usual, "max_tokens": 60, **fields}).encode()
            return read_outcome(await endpoint.post(body, "tiny.gguf"), endpoint)
        finally:
            await endpoint.aclose()

    return asyncio.run(asked())


def test_its_refusals_are_understood(llama: str) -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}, "required": ["a"]}
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    much = [{"role": "user", "content": "x" * (CONTEXT + 1)}]

    refused = ask(llama, response_format=form), ask(llama, messages=much), ask(llama, messages=7)

    assert [(f.failure_class, f.rejected) for f in refused if isinstance(f, Failure)] == [
        (FailureClass.BAD_REQUEST, "response_format"),
        (FailureClass.CONTEXT_TOO_LONG, None),
        (FailureClass.BAD_REQUEST, None),
    ]


def test_an_answer_that_is_held_to_a_schema_fits_it(llama: str) -> None:
    schema = {
        "type": "object",
        "properties": {
            "names": {"type": "array", "items": {"type": "string"}},
            "total": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["names", "total"],
        "additionalProperties": False,
    }

    answer = ask(
        llama,
        response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": schema}},
    )

    assert isinstance(answer, Answer)
    found = json.loads(answer.text)
    assert found.keys() == {"names", "total"}
    assert isinstance(found["names"], list)
    assert answer.has_usage
