"""How many requests a second does the simulated provider answer on one core?

    python benchmarks/simulator_speed.py [--seconds 5] [--connections 64] [--rounds 1] [--json]

The load comes from `wrk` (Debian package of that name), which is written in C and takes a fraction
of a core: a client in Python would measure itself. Its requests are docmill's own: an invoice with
all its fields asked for, 8 kB of body, 4,000 different ones in turn. Printed per server and kind of
answer:

* requests/s: as wrk counted them, beside whatever else the machine was doing;
* requests per CPU second: the same over the CPU time of the server's process. A busy machine
  changes it less than the first figure, and yet by half: compare lines of one run;
* p99: latency of the slowest hundredth in milliseconds, with every connection kept busy.

Servers are uvicorn with httptools and uvloop, and uvicorn as it comes (h11, asyncio). The kind
`nothing` is an application that reads the body and sends one kilobyte back, whatever it was asked:
the most that any ASGI application could reach there and then.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measured import cpu_seconds
from llms.calls import Call
from llms.prompts import extraction_prompt
from llms.sdk import Request
from llms.simulator.app import Simulator
from llms.simulator.scenario import Scenario
from llms.simulator.server import Server, listen
from schemas.answers import EXTRACTION, extraction_schema
from schemas.documents import shipped_type
from schemas.roles import Model, Role

BODY_BYTES = 8000
DIFFERENT = 4000
MARK = "@@@@@@"
NOTHING = "nothing"
KINDS = (
    (False, "lifted"),
    (False, "canned"),
    (False, NOTHING),
    (True, "lifted"),
    (True, NOTHING),
)
"""What is measured: whether uvicorn goes plain, and the kind of answers."""

_LUA = """
local body = io.open("{body}"):read("*a")
local head, tail = body:match("^(.-){mark}(.*)$")
local at = 0
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer none"
request = function()
  at = (at + 1) % {different}
  return wrk.format("POST", "/v1/chat/completions", nil, head .. string.format("%06d", at) .. tail)
end
done = function(summary, latency)
  local failed = summary.errors.status + summary.errors.connect + summary.errors.read
  io.write(string.format("FOUND %d %d %f %f\\n", summary.requests, failed,
    summary.duration / 1e6, latency:percentile(99) / 1000))
end
"""


def invoice_body() -> bytes:
    """A request of `BODY_BYTES` bytes with `MARK` where its number goes."""
    invoice = shipped_type("invoice")
    model = Model.model_validate(
        {
            "slug": "sim-mini",
            "name": "sim-mini",
            "api_id": "sim-mini",
            "provider": "simulated",
            "creator": "nobody",
            "input_price": 0.1,
            "output_price": 0.4,
        }
    )

    def body(lines: int) -> bytes:
        text = f"Weidmann Feinmechanik GmbH\nInvoice No: INV-{MARK}\nInvoice date: 2026-03-14\n"
        text += "".join(
            f"{n:03} Bearing ring 40x{n} steel, hardened  {n}.50\n" for n in range(lines)
        )
        system, user = extraction_prompt(invoice, f"{text}Total: 119.00\n")
        call = Call(
            Role.EXTRACTION_WORKER, "extract", system, user, EXTRACTION, extraction_schema(invoice)
        )
        return Request.of(call).body(model)

    return next(made for n in range(1000) if len(made := body(n)) >= BODY_BYTES)


async def nothing(_: Any, receive: Any, send: Any) -> None:
    """Read a request and answer it with as many bytes as an answer usually has."""
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-length", b"1024")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b" " * 1024})


def serve_forever(answers: str, *, is_plain: bool) -> None:
    """Serve in this process until it is ended; prints the port."""
    simulator = nothing if answers == NOTHING else Simulator(Scenario.of({"answers": answers}))
    listener = listen()
    print(listener.getsockname()[1], flush=True)
    Server(simulator, is_plain=is_plain).run(sockets=[listener])


def measure(
    answers: str, script: Path, *, is_plain: bool, seconds: int, connections: int
) -> dict[str, Any]:
    """One server under load."""
    command = [sys.executable, __file__, "--serve", answers, *(["--plain"] if is_plain else [])]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline()) if server.stdout else 0
        url = f"http://127.0.0.1:{port}"
        load = ["wrk", "-t1", f"-c{connections}", "-s", str(script), "--latency", url]
        subprocess.run([*load, "-d1"], stdout=subprocess.DEVNULL, check=True)
        before = cpu_seconds(server.pid)
        done = subprocess.run(
            [*load, f"-d{seconds}"], capture_output=True, text=True, check=True
        ).stdout
        cpu_s = cpu_seconds(server.pid) - before
    finally:
        server.kill()
        server.communicate()
    found = re.search(r"FOUND (\d+) (\d+) ([\d.]+) ([\d.]+)", done)
    if found is None:
        raise SystemExit(f"wrk said nothing that could be read: {done}")
    count, failed, took_s = int(found[1]), int(found[2]), float(found[3])
    return {
        "server": "h11, asyncio" if is_plain else "httptools, uvloop",
        "answers": answers,
        "requests_per_s": round(count / took_s),
        "requests_per_cpu_s": round(count / cpu_s),
        "p99_ms": round(float(found[4]), 1),
        "failed": failed,
    }


def main() -> None:
    """Measure every server and print a table; exit 1 when a request failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=1, help="of each kind the best is printed")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve_forever(args.serve, is_plain=args.plain)
        return
    if shutil.which("wrk") is None:
        raise SystemExit("this needs the load generator wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder:
        body, script = Path(folder, "body.json"), Path(folder, "load.lua")
        body.write_bytes(invoice_body())
        script.write_text(_LUA.format(body=body, mark=MARK, different=DIFFERENT))
        rounds = [
            [
                measure(
                    answers,
                    script,
                    is_plain=plain,
                    seconds=args.seconds,
                    connections=args.connections,
                )
                for plain, answers in KINDS
            ]
            for _ in range(args.rounds)
        ]
        size = body.stat().st_size
    results = [
        max(of_kind, key=lambda result: result["requests_per_cpu_s"])
        for of_kind in zip(*rounds, strict=True)
    ]
    if args.json:
        print(json.dumps({"body_bytes": size, "results": results}))
    else:
        print(f"{size} bytes per request, {args.connections} connections")
        for result in results:
            print(
                f"{result['server']:<18} {result['answers']:<8} "
                f"{result['requests_per_s']:>7} requests/s "
                f"{result['requests_per_cpu_s']:>7} per CPU second  p99 {result['p99_ms']} ms"
            )
    sys.exit(1 if any(result["failed"] for result in results) else 0)


if __name__ == "__main__":
    main()
