"""The simulated provider as a server: on a thread, in a process, as a command that Ctrl-C ends."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import httpx2
import pytest

from llms.simulator import server
from llms.simulator.app import Simulator
from llms.simulator.scenario import Scenario
from llms.simulator.server import LOOPBACK, Listening, Server, ServerError, listen, serve
from tests.simulated import make_body, make_scenario

BIN = Path(sys.executable).parent


def ask(provider: Listening, timeout_s: float = 10, **changes: Any) -> httpx2.Response:
    """The response to one chat completion."""
    with httpx2.Client(timeout=timeout_s) as http:
        return http.post(f"{provider.url}/chat/completions", json=make_body(**changes))


def test_a_server_on_a_thread_answers_and_its_books_stay_when_it_has_ended() -> None:
    with serve(make_scenario()) as provider:
        response = ask(provider)

    assert response.status_code == 200
    assert provider.stats().outcomes == {"answered": 1}
    with pytest.raises(httpx2.ConnectError):
        ask(provider)


def test_the_scenario_can_be_changed_and_the_books_emptied() -> None:
    with serve(make_scenario()) as provider:
        ask(provider)
        provider.reset()
        emptied = provider.stats().requests
        provider.play(make_scenario(faults={"server_error": 1}))

        assert (emptied, ask(provider).status_code) == (0, 500)


def test_requests_that_hang_do_not_hold_up_the_end() -> None:
    with serve(make_scenario(faults={"hang": 1}, hang_s=3000)) as provider:
        with pytest.raises(httpx2.ReadTimeout):
            ask(provider, timeout_s=0.1)
        with socket.create_connection((LOOPBACK, int(provider.root.rsplit(":")[-1]))) as raw:
            body = json.dumps(make_body()).encode()
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}"
            raw.sendall(head.encode() + b"\r\n\r\n" + body)
            while not provider.stats().in_flight:
                pass

    assert provider.stats().outcomes == {"hang": 2}


@pytest.mark.parametrize("is_plain", [False, True])
def test_a_client_that_leaves_before_its_answer_is_noticed(
    is_plain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_plain:
        monkeypatch.setattr(server, "AutoHTTPProtocol", server.H11Protocol)
    with serve(make_scenario(latency=0.3)) as provider:
        with pytest.raises(httpx2.ReadTimeout):
            ask(provider, timeout_s=0.1)
        while provider.stats().in_flight:
            pass

    stats = provider.stats()
    assert (stats.outcomes, stats.unseen.requests) == ({"abandoned": 1}, 1)


def test_it_does_without_httptools_and_uvloop() -> None:
    config = Server(Simulator(), is_plain=True).config

    assert config.loop == "asyncio"
    assert "H11" in config.http.__mro__[1].__name__


def test_a_port_that_is_taken_is_told_as_such() -> None:
    with listen() as taken, pytest.raises(ServerError, match="Address already in use"):
        listen(port=taken.getsockname()[1])


def test_small_pieces_are_sent_at_once() -> None:
    """asyncio sets TCP_NODELAY only on what is named TCP; without it, responses take 40 ms."""
    with listen() as listener:
        assert listener.proto == socket.IPPROTO_TCP


@pytest.mark.slow
def test_a_process_of_its_own_serves_and_keeps_its_books() -> None:
    with serve(make_scenario(models={"gpt*": {"latency": 0.01}}), own_process=True) as provider:
        assert ask(provider, model="gpt-x").status_code == 200
        assert ask(provider, model="gpt-x").status_code == 200
        provider.play(make_scenario(seed=3))
        provider.reset()
        assert ask(provider).status_code == 200
        assert ask(provider).status_code == 200

    assert provider.stats().outcomes == {"answered": 2}
    assert [repeat.paid for repeat in provider.repeats()] == [2]


@pytest.mark.slow
def test_a_process_of_its_own_ends_with_the_one_that_started_it() -> None:
    script = (
        "from llms.simulator.server import serve\n"
        "with serve(own_process=True) as p: print(p.root, flush=True); input()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    url = parent.stdout.readline().strip()
    urllib.request.urlopen(f"{url}/stats", timeout=10).close()
    parent.kill()
    parent.communicate()

    deadline = time.monotonic() + 20
    while is_listening(url) and time.monotonic() < deadline:
        pass
    assert not is_listening(url)


def is_listening(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}/stats", timeout=10).close()
    except OSError:
        return False
    return True


@pytest.mark.slow
def test_the_command_serves_until_ctrl_c_and_prints_its_books() -> None:
    command = [BIN / "docmill", "simulate", "--port", "0", "--json", "--answers", "lifted"]
    process = subprocess.Popen(
        [*command, "--fault", "overloaded=1", "--price", "1,2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    with httpx2.Client() as http:
        status = http.post(f"{url}/chat/completions", json=make_body()).status_code
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)

    books = json.loads(out.splitlines()[-1])
    assert (status, books["outcomes"]) == (529, {"overloaded": 1})
    assert (process.returncode, err) == (0, "")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "docmill"), "simulate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["--fault", "rest=0.1"], "did you mean 'reset'?", id="a fault"),
        pytest.param(["--fault", "reset"], "is not NAME=SHARE", id="a share"),
        pytest.param(["--p95", "3"], "--p95 needs --latency", id="half a latency"),
        pytest.param(["--price", "3"], "is not two numbers", id="half a price"),
        pytest.param(["--scenario", "none.yaml"], "cannot read the scenario none.yaml", id="file"),
    ],
)
def test_what_is_wrong_with_the_command_is_told_in_one_sentence(
    arguments: list[str], told: str
) -> None:
    done = run(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_scenario_that_is_shown_can_be_played(tmp_path: Path) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text(
        "models: {'a*': {latency: 3}}\nlimits: {schedule: [{at_s: 9, tokens_per_minute: 5}]}"
    )
    options = ("--rpm", "60", "--latency", "1", "--p95", "2", "--fault", "hang=0.5")
    shown = run("--show", "--scenario", str(file), *options)
    file.write_text(shown.stdout)
    read = Scenario.from_yaml(shown.stdout)

    assert read.behaviour("ab").limits.requests_per_minute == 60
    assert read.limits.schedule[0].model_fields_set == {"at_s", "tokens_per_minute"}

    assert run("--show", "--scenario", str(file)).stdout == shown.stdout


def test_the_faults_are_listed() -> None:
    listed = json.loads(run("--faults", "--json").stdout)

    assert listed["reset_late"]["billed"]
    assert run("--faults").stdout.count("\n") == len(listed)
