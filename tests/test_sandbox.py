"""The pool of parser processes: what a document does to a parser is that document's problem."""

import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from schemas.job import Parsing
from tasks.parse_errors import Unreadable
from tasks.parse_worker import pack_batch, pack_outcome, unpack_batch, unpack_outcome
from tasks.parsing import Parsed
from tasks.sandbox import ParserPool, SandboxError

ROOT = Path(__file__).parents[1]

HOSTILE = """
import ctypes, os, sys, threading
import tasks.parse_worker as worker
from tasks.parsing import Parsed

def parse(data, name, *, max_chars):
    word = data.decode()
    if word == "hang":
        threading.Event().wait()
    if word == "crash":
        ctypes.string_at(0)
    if word == "explode":
        bytearray(1 << 40)
    if word == "swell":
        blocks = [bytes(1 << 26) for _ in range(10_000)]
    if word == "killed":
        os.kill(os.getpid(), 9)
    if word == "leave":
        os._exit(3)
    if word == "raise":
        raise KeyError("what")
    if word == "noise":
        os.write(1, b"NOISE"); os.write(2, b"NOISE")
    if word == "pid":
        word = str(os.getpid())
    if word == "secret":
        word = os.environ.get("OPENAI_API_KEY", "none")
    return Parsed(word, "text/plain", None, "test/1")

worker.parse = parse
serve = worker.serve
"""


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a worker module whose parser does what the document says."""
    (tmp_path / "hostile_worker.py").write_text(HOSTILE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return "hostile_worker"


def outcomes(
    words: list[str], module: str = "tasks.parse_worker", **limits: float
) -> dict[int, str]:
    """What becomes of documents that hold these words: their text, or the class in brackets."""
    parsing = Parsing.model_validate({"timeout_s": 20, "memory_mb": 512, "workers": 2, **limits})
    with ParserPool(parsing, module=module) as pool:
        found = list(pool.parse((i, "a.txt", word.encode()) for i, word in enumerate(words)))
    assert [tag for tag, _ in found] == list(range(len(words)))
    return {
        tag: outcome.text if isinstance(outcome, Parsed) else f"[{outcome.reason}]"
        for tag, outcome in found
    }


def test_outcomes_come_in_the_order_of_the_documents() -> None:
    words = [f"document {i}" for i in range(3000)]

    assert list(outcomes(words).values()) == words


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("crash", "crashed"),
        ("leave", "crashed"),
        ("raise", "corrupt"),
        ("explode", "memory"),
        ("swell", "memory"),
        ("killed", "memory"),
    ],
)
def test_a_document_that_breaks_its_parser_costs_only_itself(
    hostile: str, word: str, reason: str
) -> None:
    words = ["a", "b", word, "c", "d"]

    assert list(outcomes(words, hostile).values()) == ["a", "b", f"[{reason}]", "c", "d"]


def test_a_parser_that_hangs_is_ended_after_the_time_limit(hostile: str) -> None:
    words = ["a", "hang", "b", "c"]

    found = outcomes(words, hostile, timeout_s=1, workers=1)

    assert list(found.values()) == ["a", "[timeout]", "b", "c"]


def test_a_dead_letter_says_what_happened_and_what_to_do(hostile: str) -> None:
    with ParserPool(Parsing(timeout_s=0.5, workers=1), module=hostile) as pool:
        found = dict(pool.parse([(0, "a", b"hang"), (1, "b", b"crash")]))

    assert [str(found[0]), str(found[1])] == [
        "reading it took longer than 0.5 s; raise `timeout_s` of the job's parsing if it is "
        "worth it",
        "the parser process died of SIGSEGV over it, twice",
    ]


def test_no_process_is_started_without_a_document() -> None:
    with ParserPool(Parsing()) as pool:
        assert list(pool.parse([])) == []
        assert pool.started == 0


def test_one_document_needs_one_process() -> None:
    with ParserPool(Parsing(workers=2)) as pool:
        list(pool.parse([(0, "a.txt", b"a")]))

        assert pool.started == 1


def test_what_libraries_print_does_not_reach_the_terminal(
    hostile: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert list(outcomes(["noise"], hostile).values()) == ["noise"]
    assert capfd.readouterr() == ("", "")


def test_parser_processes_do_not_see_keys(hostile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")

    assert list(outcomes(["secret"], hostile).values()) == ["none"]


def test_the_pool_works_in_a_thread() -> None:
    found: dict[int, str] = {}
    thread = threading.Thread(target=lambda: found.update(outcomes(["a", "b"])))
    thread.start()
    thread.join()

    assert found == {0: "a", 1: "b"}


def test_a_worker_that_cannot_start_is_one_clear_error() -> None:
    with (
        ParserPool(Parsing(workers=1), module="no_such_module") as pool,
        pytest.raises(SandboxError, match=r"did not start: .*no_such_module"),
    ):
        list(pool.parse([(0, "a.txt", b"a")]))


def test_closing_ends_a_parser_that_hangs(hostile: str) -> None:
    pool = ParserPool(Parsing(workers=1), module=hostile)
    documents = iter([(0, "a", b"pid"), (1, "b", b"hang")])
    parsed = pool.parse(documents)
    _, outcome = next(parsed)
    assert isinstance(outcome, Parsed)

    pool.close()

    with pytest.raises(ProcessLookupError):
        os.kill(int(outcome.text), 0)


SCRIPT = """
import sys
from schemas.job import Parsing
from tasks.sandbox import ParserPool
with ParserPool(Parsing(workers=1), module="hostile_worker") as pool:
    def documents():
        yield 0, "a", b"pid"
        yield 1, "b", b"hang"
    for tag, outcome in pool.parse(documents()):
        print(outcome.text, flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs pidfd and PR_SET_PDEATHSIG")
def test_workers_die_with_a_parent_that_is_killed_and_need_no_main_guard(
    hostile: str, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, env=environment, cwd=tmp_path
    ) as parent:
        assert parent.stdout is not None
        worker = os.pidfd_open(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
    try:
        poll = select.poll()
        poll.register(worker, select.POLLIN)

        assert poll.poll(10_000), "the worker outlived its parent"
    finally:
        os.close(worker)


def test_messages_survive_the_channel() -> None:
    documents = [("a.txt", b"x" * 1000), ("ü\n.bin", b""), ("", bytes(range(256)))]

    assert list(unpack_batch(pack_batch(documents))) == documents


def test_outcomes_survive_the_channel() -> None:
    parsed = Parsed("line\nline ü", "text/plain", 3, "text/1")

    assert unpack_outcome(pack_outcome(parsed)) == parsed


@pytest.mark.parametrize("message", [b"", b"[]", b"{}", b"[1,2,3,4]", b"\xff", b'["odd", "x"]'])
def test_nonsense_from_a_worker_is_not_believed(message: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any of its kinds
        unpack_outcome(message)


def test_an_error_keeps_its_class_across_the_channel() -> None:
    outcome = unpack_outcome(b'["encrypted", "it asks for a password"]')

    assert isinstance(outcome, Unreadable)
    assert (outcome.reason, str(outcome)) == ("encrypted", "it asks for a password")
