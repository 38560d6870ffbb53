"""Who is alive: a killed neighbour is known to be gone at once, all others by the clock."""

import asyncio
import subprocess
import sys
from pathlib import Path

from llms import keepers
from llms.responses import ResponseStore

ROOT = Path(__file__).parents[1]
_TELL = "from llms.keepers import process_name; print(process_name())"
_CLAIM = """
import asyncio, os, signal, sys
from llms.responses import ResponseStore
store = ResponseStore(sys.argv[1])
asyncio.run(store.claim("k1"))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_has_ended_is_gone_and_this_one_is_not() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _TELL], cwd=ROOT, check=True, capture_output=True, text=True
    )

    assert keepers.gone(ended.stdout.strip())
    assert not keepers.gone(keepers.process_name())


def test_nobody_knows_of_a_process_of_another_machine_or_container() -> None:
    name, _, place = keepers.process_name().partition(" ")
    nobody = f"{name.rpartition(':')[0]}:{2**22 + 1}"

    assert keepers.gone(f"{nobody} {place}")
    assert not keepers.gone(f"{nobody} another-boot pid:[1]")
    assert not keepers.gone(nobody)


def test_a_claim_of_a_killed_neighbour_falls_at_once_to_whoever_asks(store_url: str) -> None:
    subprocess.run([sys.executable, "-c", _CLAIM, store_url], cwd=ROOT, check=False)

    async def claim(store: ResponseStore) -> object:
        async with asyncio.timeout(30):
            return await store.claim("k1")

    with ResponseStore(store_url) as store:
        assert asyncio.run(claim(store)) is None
