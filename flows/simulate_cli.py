"""The command `docmill simulate`: a provider to rehearse with, on this machine."""

import signal
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.console import fail, money, print_json
from schemas.counted import counted

if TYPE_CHECKING:
    from llms.simulator.scenario import Scenario
    from llms.simulator.stats import Stats


def simulate(
    scenario: Annotated[
        str | None,
        typer.Option(help="YAML file that describes the provider; the flags below override it."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 4300,
    seed: Annotated[
        int | None, typer.Option(help="The same seed gives the same request the same fate.")
    ] = None,
    answers: Annotated[
        str | None,
        typer.Option(
            help="offline (the rules extract), lifted (from the text by the schema's types, "
            "thousands a second) or canned."
        ),
    ] = None,
    latency: Annotated[float | None, typer.Option(min=0, help="Seconds before an answer.")] = None,
    p95: Annotated[
        float | None,
        typer.Option(help="95th percentile of a lognormal latency whose median is --latency."),
    ] = None,
    rpm: Annotated[int | None, typer.Option(min=1, help="Requests per minute and model.")] = None,
    tpm: Annotated[int | None, typer.Option(min=1, help="Tokens per minute and model.")] = None,
    in_flight: Annotated[
        int | None, typer.Option(min=1, help="Requests in flight at once, per model.")
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=SHARE", help="A fault and its share, `reset=0.1`; repeatable."),
    ] = None,
    price: Annotated[
        str | None,
        typer.Option(metavar="IN,OUT", help="US dollars per million input and output tokens."),
    ] = None,
    faults: Annotated[
        bool, typer.Option("--faults", help="List the faults there are and leave.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--show", help="Print the scenario with all its fields and leave.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print the URL as one JSON object, at the end the books."),
    ] = False,
) -> None:
    """Start a simulated provider, to rehearse with.

    Ctrl-C ends it and prints its books. It speaks the OpenAI API (Chat Completions, models, files,
    batches) and measures speed and reliability of whoever calls it, never quality: no language
    model answers. What it was asked stands at /stats.
    """
    if faults:
        _list_faults(as_json=as_json)
        return
    flags = _overrides(
        seed=seed, answers=answers, latency=latency, p95=p95, rates=(rpm, tpm, in_flight),
        faults=fault, price=price,
    )  # fmt: skip
    played = _scenario(scenario, flags)
    if show:
        _show(played, as_json=as_json)
        return
    _serve(played, host, port, as_json=as_json)


def _overrides(
    *,
    seed: int | None,
    answers: str | None,
    latency: float | None,
    p95: float | None,
    rates: tuple[int | None, int | None, int | None],
    faults: list[str] | None,
    price: str | None,
) -> dict[str, Any]:
    """The fields of a scenario that flags set."""
    found: dict[str, Any] = {}
    if seed is not None:
        found["seed"] = seed
    if answers is not None:
        found["answers"] = answers
    if latency is not None:
        spread = {"seconds": latency, "p95_s": p95, "high_s": None}
        found["latency"] = latency if p95 is None else spread
    elif p95 is not None:
        fail("--p95 needs --latency, the median of the same distribution")
    names = ("requests_per_minute", "tokens_per_minute", "in_flight")
    limits = {name: rate for name, rate in zip(names, rates, strict=True) if rate is not None}
    if limits:
        found["limits"] = limits
    if faults:
        found["faults"] = dict(_pair(text) for text in faults)
    if price is not None:
        try:
            paid, written = (float(part) for part in price.split(","))
        except ValueError:
            fail(f"--price {price!r} is not two numbers; write it like --price 0.25,2")
        found["prices"] = {"input": paid, "output": written}
    return found


def _pair(text: str) -> tuple[str, float]:
    name, _, share = text.partition("=")
    try:
        return name, float(share)
    except ValueError:
        fail(f"--fault {text!r} is not NAME=SHARE; write it like --fault server_error=0.1")


def _scenario(path: str | None, overrides: dict[str, Any]) -> "Scenario":
    from pathlib import Path

    from llms.simulator.scenario import Scenario, ScenarioError

    text = ""
    if path is not None:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            fail(f"cannot read the scenario {path}: {why}")
    try:
        return Scenario.from_yaml(text, overrides)
    except ScenarioError as error:
        fail(f"scenario {path}: {error}" if path else error)


def _list_faults(*, as_json: bool) -> None:
    from llms.simulator.faults import FAULTS

    if as_json:
        rows = {
            str(fault): {
                "kind": str(info.kind),
                "status": info.status,
                "billed": info.is_billed,
                "says": info.says,
            }
            for fault, info in FAULTS.items()
        }
        print_json(rows)
        return
    for fault, info in FAULTS.items():
        status = info.status or "none"
        billed = "billed" if info.is_billed else "free"
        print(f"{fault:<21} {status:<5} {billed:<7} {info.says}")


def _show(scenario: "Scenario", *, as_json: bool) -> None:
    told = scenario.model_dump(mode="json")
    if as_json:
        print_json(told)
    else:
        import yaml

        print(yaml.safe_dump(told, sort_keys=False, allow_unicode=True), end="")


def _serve(scenario: "Scenario", host: str, port: int, *, as_json: bool) -> None:
    from llms.simulator.app import Simulator
    from llms.simulator.server import Listening, Server, ServerError, listen

    try:
        listener = listen(host, port)
    except ServerError as error:
        fail(f"{error}; choose another with --port, or any free one with --port 0")
    simulator = Simulator(scenario)
    server = Server(simulator)

    def end(*_: object) -> None:
        server.should_exit = True

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, end)
    address = Listening(*listener.getsockname()[:2])
    if as_json:
        print_json({"url": address.url, "stats": f"{address.root}/stats"})
    else:
        print(f"simulated provider at {address.url} (books at {address.root}/stats)")
        print(f"  OPENAI_BASE_URL={address.url} OPENAI_API_KEY=any docmill run PATH")
    sys.stdout.flush()
    server.run(sockets=[listener])
    if as_json:
        print_json(simulator.stats().model_dump())
    else:
        print(_summary(simulator.stats()))


def _summary(stats: "Stats") -> str:
    """The books in a few lines."""
    paid = stats.paid
    # Nobody knows what unpriced answers would have cost: only without any is the sum the price.
    usd = money(None if paid.unpriced else paid.usd)
    lines = [
        f"{counted(stats.requests, 'request')} in {stats.seconds:.0f} s, "
        f"at most {stats.most_in_flight:,} in flight",
        f"{counted(paid.requests, 'answer')} billed: {counted(paid.prompt_tokens, 'token')} in, "
        f"{paid.completion_tokens:,} out, {usd}",
        f"{stats.repeats.paid:,} of them for a request billed before",
    ]
    lines += [f"  {outcome:<21} {count:,}" for outcome, count in stats.outcomes.items()]
    return "\n".join(lines)
