"""`docmill replay` as people use it: tables, JSON, a picture, and one sentence for each mistake."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from flows.cli import app
from tests.recorded_answers import rows_of, write_rows

Replay = Callable[..., Result]


@pytest.fixture
def replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Replay:
    """Runs `docmill replay` in a folder that holds `calls.parquet`."""
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "calls.parquet", rows_of(160))

    def command(*words: str) -> Result:
        done = CliRunner().invoke(app, ["replay", *words])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return command


def object_of(done: Result) -> dict[str, Any]:
    assert done.exit_code == 0, done.output
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_every_model_and_every_family_stand_in_the_table(replay: Replay) -> None:
    done = replay("calls.parquet", "--quality", "0.75")

    assert done.exit_code == 0
    assert "calls: 160 queries, 3 models; tuned on 80, measured on 80 (seed 0)" in done.stdout
    for words in ("single", "best cascade", "best agreement", "best router", "best learned"):
        assert words in done.stdout
    assert "chosen" in done.stdout


def test_json_says_what_was_chosen_and_how_it_compares_with_mixing_models(replay: Replay) -> None:
    told = object_of(replay("calls.parquet", "--policy", "cascade", "--quality", "0.8", "--json"))

    assert (told["quality"], told["budget_usd_per_1000"], told["seed"]) == (0.8, None, 0)
    assert [one["policy"] for one in told["singles"]] == ["small", "medium", "large"]
    assert set(told["best"]) == {"single", "cascade"}
    low, high = told["chosen"]["lead_95"]
    assert low <= told["chosen"]["lead"] <= high
    prices = [one["usd_per_1000"] for one in told["curve"]]
    assert prices == sorted(prices)


def test_a_policy_of_ones_own_is_measured_as_it_is(replay: Replay) -> None:
    told = object_of(replay("calls.parquet", "--policy", "small@0.7 > large", "--json"))

    (own,) = told["given"]
    assert own["policy"] == "small@0.7 > large"
    assert own["calls"]["small"] == 1.0
    # Each call of small costs $1 per 1,000, of large $20.
    assert own["usd_per_1000"] == pytest.approx(1 + 20 * own["calls"]["large"])
    assert set(told["best"]) == {"single"}


def test_the_price_of_the_last_point_of_quality_is_told(replay: Replay) -> None:
    table = replay("calls.parquet", "--policy", "cascade").stdout
    told = object_of(replay("calls.parquet", "--policy", "cascade", "--json"))
    bought = object_of(replay("calls.parquet", "--policy", "cascade", "--budget", "10", "--json"))

    assert "for 0.01 less" in table
    assert told["nearly"]["usd_per_1000"] <= told["chosen"]["usd_per_1000"]
    assert bought["nearly"] is None


def test_a_budget_is_kept_in_promise(replay: Replay) -> None:
    told = object_of(replay("calls.parquet", "--policy", "cascade", "--budget", "10", "--json"))

    assert told["reached"]
    # Promised on the tuning half, paid on the other one.
    assert told["chosen"]["usd_per_1000"] < 13


def test_another_split_gives_other_figures_and_the_same_one_the_same(replay: Replay) -> None:
    words = ("calls.parquet", "--policy", "cascade", "--json")
    first, again, other = (replay(*words, "--seed", seed).stdout for seed in "112")

    assert first == again != other


def test_the_picture_is_an_svg_that_names_the_models(replay: Replay, tmp_path: Path) -> None:
    done = replay("calls.parquet", "--policy", "cascade", "--picture", "curve.svg")

    assert done.exit_code == 0
    picture = ElementTree.fromstring((tmp_path / "curve.svg").read_text(encoding="utf-8"))
    texts = {node.text for node in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert {"small", "medium", "large", "quality", "US dollars per 1,000 queries"} <= texts


def test_without_costs_a_price_per_call_is_asked_for_and_taken(
    replay: Replay, tmp_path: Path
) -> None:
    free = pl.DataFrame(rows_of(160)).drop("cost_usd", "answer_cost_usd")
    free.write_parquet(tmp_path / "unpriced.parquet")
    prices = ["--price", "small=0.001", "--price", "large=0.02"]

    refused = replay("unpriced.parquet")
    told = object_of(
        replay("unpriced.parquet", *prices, "--without", "medium", "--policy", "cascade", "--json")
    )

    assert refused.exit_code == 2
    assert "records no cost of large; give one per call with --price large=USD" in refused.stderr
    assert [one["usd_per_1000"] for one in told["singles"]] == pytest.approx([1.0, 20.0])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.parquet"], "no recorded answers at none.parquet"),
        (["text.parquet"], "text.parquet is no Parquet file"),
        (["few.parquet"], "few has 30 queries; at least 40 are needed"),
        (["lacking.parquet"], "lacks the column 'correct'"),
        (["calls.parquet", "--policy", "smal"], "has no model 'smal'; did you mean 'small'?"),
        (["calls.parquet", "--policy", "small > large"], "has no threshold"),
        (["calls.parquet", "--price", "small"], "'small' is not MODEL=USD"),
        (["calls.parquet", "--price", "small=-1"], "'small=-1' is not MODEL=USD"),
        (["calls.parquet", "--without", "huge"], "has no model 'huge'"),
        (["calls.parquet", "--quality", "0.9", "--budget", "1"], "are two goals; give one"),
        (["calls.parquet", "--picture", "a.png"], "pictures are SVG"),
        (
            ["calls.parquet", "--policy", "small", "--picture", "no/such/folder/a.svg"],
            "cannot write the picture no/such/folder/a.svg",
        ),
    ],
)
def test_a_mistake_is_said_in_one_sentence(
    replay: Replay, tmp_path: Path, words: list[str], said: str
) -> None:
    (tmp_path / "text.parquet").write_text("no columns here")
    write_rows(tmp_path / "few.parquet", rows_of(30))
    pl.DataFrame(rows_of(50)).drop("correct").write_parquet(tmp_path / "lacking.parquet")

    done = replay(*words)

    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
