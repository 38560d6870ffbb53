"""The response store: what was put is there, for other processes and after a kill too."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llms import database, responses
from llms.completion import Answer
from llms.failures import StoreError
from llms.responses import ResponseStore, StoredResponse
from llms.spend import Charge, Draw, month_account, run_account, units_of


def make_response(key: str = "k1", **more: object) -> StoredResponse:
    """A stored answer; `more` replaces what the test is about."""
    usual: dict[str, object] = {
        "model": "small",
        "provider": "alpha",
        "run_id": "run-1",
        "answer": Answer("{}", "stop", input_tokens=10, output_tokens=2),
        "usd": 0.01,
    }
    return StoredResponse(key, **{**usual, **more})


def make_draw(store: ResponseStore, units: int, run: str = "run-1", **caps: int) -> Draw:
    """A draw of exactly `units` for the lease `lease` of a run; `caps` by kind of account."""
    accounts = {
        run_account(run): caps.get("run"),
        month_account("post", "2026-07"): caps.get("month"),
    }
    return Draw("lease", "owner", store.keeper, accounts, units, units)


TOKENS = st.integers(0, 2**40)


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'responses.db'}"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    text=st.text(),
    refusal=st.none() | st.text(min_size=1),
    tokens=st.tuples(TOKENS, TOKENS, TOKENS, TOKENS),
    logprobs=st.none() | st.lists(st.tuples(st.text(), st.floats(-50, 0))).map(tuple),
    usd=st.floats(0, 1e6),
)
def test_an_answer_comes_back_as_it_was_put(
    store_url: str,
    text: str,
    refusal: str | None,
    tokens: tuple[int, int, int, int],
    logprobs: tuple[tuple[str, float], ...] | None,
    usd: float,
) -> None:
    response = make_response(
        key=os.urandom(8).hex(),
        answer=Answer(text, "stop", refusal, *tokens, True, logprobs),
        usd=usd,
        lost_usd=usd / 2,
    )
    with ResponseStore(store_url) as store:
        asyncio.run(store.put(response))

    with ResponseStore(store_url) as store:
        assert asyncio.run(store.get(response.key)) == response


def test_half_a_surrogate_pair_in_an_answer_is_kept(store_url: str) -> None:
    response = make_response(answer=Answer("a\ud800b", "stop"))

    with ResponseStore(store_url) as store:
        asyncio.run(store.put(response))
        assert asyncio.run(store.get("k1")) == response


def test_an_unknown_request_has_no_answer(store_url: str) -> None:
    with ResponseStore(store_url) as store:
        assert asyncio.run(store.get("unknown")) is None


def test_the_first_answer_to_a_request_stays(store_url: str) -> None:
    with ResponseStore(store_url) as store:
        asyncio.run(store.put(make_response(usd=0.01)))
        asyncio.run(store.put(make_response(usd=0.02)))

        assert asyncio.run(store.get("k1")) == make_response(usd=0.01)


def test_a_put_books_its_charge_in_the_same_step(store_url: str) -> None:
    async def scenario(store: ResponseStore) -> tuple[float, float]:
        await store.draw(make_draw(store, units_of(0.5)))
        reserved = store.spent("run-1")
        charge = Charge("lease", units_of(0.02), units_of(0.5))
        await store.put(make_response(usd=0.02), charge=charge)
        return reserved, store.spent("run-1")

    with ResponseStore(store_url) as store:
        assert asyncio.run(scenario(store)) == (0.5, 0.02)


def test_what_is_told_without_waiting_is_booked_in_order(store_url: str) -> None:
    async def scenario(store: ResponseStore) -> float:
        await store.draw(make_draw(store, units_of(0.5)))
        store.settle_later(Charge("lease", units_of(0.125), units_of(0.25)))
        return store.spent("run-1")

    with ResponseStore(store_url) as store:
        assert asyncio.run(scenario(store)) == 0.125 + 0.25


def test_many_writers_of_several_loops_share_the_store(store_url: str) -> None:
    with ResponseStore(store_url) as store:

        async def put_many(loop: int) -> None:
            responses = [make_response(key=f"{loop}-{at}") for at in range(50)]
            await asyncio.gather(*(store.put(response) for response in responses))

        threads = [
            threading.Thread(target=lambda at=at: asyncio.run(put_many(at))) for at in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        async def get_all() -> int:
            keys = [f"{loop}-{at}" for loop in range(4) for at in range(50)]
            return sum([await store.get(key) is not None for key in keys])

        assert asyncio.run(get_all()) == 200


def test_stores_opened_at_once_on_a_new_file_all_work(store_url: str) -> None:
    failures: list[BaseException] = []
    barrier = threading.Barrier(4)

    def open_and_put(name: int) -> None:
        try:
            barrier.wait()
            with ResponseStore(store_url) as store:
                asyncio.run(store.put(make_response(key=f"{name}")))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=open_and_put, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    with ResponseStore(store_url) as store:
        assert all(asyncio.run(store.get(f"{name}")) for name in range(4))


def test_another_process_sees_an_answer_at_once(store_url: str) -> None:
    with ResponseStore(store_url) as mine, ResponseStore(store_url) as yours:
        assert asyncio.run(yours.get("k1")) is None
        asyncio.run(mine.put(make_response()))

        assert asyncio.run(yours.get("k1")) == make_response()


_KILLED = """
import asyncio, os, signal, sys
from llms import responses
from llms.completion import Answer
from llms.responses import ResponseStore, StoredResponse
from llms.spend import Charge, Draw, month_account, run_account, units_of

async def main():
    store = ResponseStore(sys.argv[1])
    caps = {run_account("run-1"): None, month_account("post", "2026-07"): None}
    await store.claim("k1")
    await store.draw(Draw("lease", "owner", store.keeper, caps, units_of(0.75), units_of(0.75)))
    response = StoredResponse("k1", "small", "alpha", "run-1", Answer("{}", "stop"), usd=0.125)
    await store.put(response, charge=Charge("lease", units_of(0.125), units_of(0.5)))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_a_killed_process_leaves_its_answers_and_the_worst_case_of_the_rest(store_url: str) -> None:
    root = Path(__file__).parents[1]

    killed = subprocess.run([sys.executable, "-c", _KILLED, store_url], cwd=root, check=False)

    assert killed.returncode == -signal.SIGKILL
    with ResponseStore(store_url) as store:
        assert store.spent("run-1") == 0.125 + 0.25
        assert asyncio.run(store.get("k1")) is not None


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "responses.db").write_bytes(b"these are not the pages of a database" * 100)

    with pytest.raises(StoreError, match=r"responses\.db is not a SQLite database"):
        ResponseStore(url_of(tmp_path))


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "responses.db"
    ResponseStore(url_of(tmp_path)).close()
    content = bytearray(path.read_bytes())
    content[100:4096] = b"\xff" * 3996
    path.write_bytes(bytes(content))

    with pytest.raises(StoreError, match=r"responses\.db is damaged"):
        ResponseStore(url_of(tmp_path))


def test_a_read_only_store_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    ResponseStore(url_of(tmp_path)).close()
    url = f"sqlite:///file:{tmp_path / 'responses.db'}?mode=ro&uri=true"

    with pytest.raises(StoreError, match=r"is read-only .*make it writable"):
        ResponseStore(url)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match="cannot be made"):
        ResponseStore(url_of(tmp_path / "file" / "below"))


def test_a_full_store_refuses_the_claim_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare_small(connection: sqlite3.Connection, record: object) -> None:
        prepare(connection, record)
        connection.execute("PRAGMA max_page_count=30")

    async def fill(store: ResponseStore) -> None:
        for at in range(5000):
            await store.claim(f"{at:064}")

    prepare = database._prepare_sqlite
    monkeypatch.setattr(database, "_prepare_sqlite", prepare_small)
    with (
        ResponseStore(url_of(tmp_path)) as store,
        pytest.raises(StoreError, match=r"is full .*free space"),
    ):
        asyncio.run(fill(store))


def test_a_damaged_answer_is_named_by_its_key(tmp_path: Path) -> None:
    with ResponseStore(url_of(tmp_path)) as store:
        asyncio.run(store.put(make_response()))
    with sqlite3.connect(tmp_path / "responses.db") as connection:
        connection.execute("UPDATE responses SET answer = x'00ff'")
    connection.close()

    with (
        ResponseStore(url_of(tmp_path)) as store,
        pytest.raises(StoreError, match=r"damaged \(key k1\)"),
    ):
        asyncio.run(store.get("k1"))


def test_a_store_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    ResponseStore(url_of(tmp_path)).close()
    with sqlite3.connect(tmp_path / "responses.db") as connection:
        connection.execute("UPDATE about SET value = '99' WHERE name = 'version'")
    connection.close()

    with pytest.raises(StoreError, match="version 99"):
        ResponseStore(url_of(tmp_path))


def test_a_disk_that_is_nearly_full_stops_what_would_be_paid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responses, "LEAST_FREE_BYTES", 2**62)
    with ResponseStore(url_of(tmp_path)) as store:
        with pytest.raises(StoreError, match=r"nearly full: .* nothing is sent below"):
            asyncio.run(store.claim("k1"))

        asyncio.run(store.put(make_response()))  # what has been paid for is kept all the same


@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://user:secret@host/db", "sqlite://", "postgresql://host"], ids=str
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(StoreError, match="sqlite:///path") as caught:
        ResponseStore(url)

    assert "secret" not in str(caught.value)


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = ResponseStore(url_of(tmp_path))
    store.close()
    store.close()

    with pytest.raises(StoreError, match="closed"):
        asyncio.run(store.put(make_response()))
