"""How a forecast and its check read on a terminal."""

import pytest

from flows.forecast_view import coverage_lines, dollars, duration, forecast_lines
from tasks.forecast_check import CheckedRun, coverage
from tasks.forecast_result import Range, SourceForecast
from tests.test_forecast import make_forecast, texts


@pytest.mark.parametrize("profile", ["openrouter", "offline"])
def test_the_text_names_tiers_prices_totals_lanes_and_assumptions(profile: str) -> None:
    text = "\n".join(forecast_lines(make_forecast(texts(1000), profile)))

    for part in (
        "1,000 documents",
        "with probability 90% each (subjective: no own runs yet)",
        "price in/out",
        "cheap ",
        "one strong model",
        "saving: ",
        "standard *",
        "batch",
    ):
        assert part in text
    assert text.count("\n- ") >= 5
    assert text.endswith("Nothing was sent.")


def test_a_source_with_nothing_to_ask_costs_nothing() -> None:
    done = SourceForecast(found=5, done=4, duplicates=1, asked=0)
    found = make_forecast([]).model_copy(update={"source": done})

    lines = list(forecast_lines(found))
    assert "5 documents, 4 done already, 1 duplicate, 0 to ask about" in lines[0]
    assert lines[1:] == ["nothing to ask: the run would cost $0"]


def make_checked(actual: float, low: float = 1.0, high: float = 3.0) -> CheckedRun:
    usd = Range(low=low, expected=2.0, high=high)
    return CheckedRun(
        run_id="run",
        documents=1200,
        learned_from=2,
        usd=usd,
        actual_usd=actual,
        held=usd.holds(actual),
    )


def test_a_miss_says_on_which_side() -> None:
    runs = [make_checked(actual) for actual in (2.0, 0.5, 3.5)]
    text = "\n".join(coverage_lines(coverage("post", 0.9, runs, left_out=4)))

    assert "post: the range held in 1 of 3 runs, 33% (95% confidence: 6% to 79%)" in text
    assert "stated: 90%" in text
    assert "4 runs asked no model" in text
    assert [line.split()[-1] for line in text.splitlines() if line.startswith("run ")] == [
        "held",
        "yes",
        "below",
        "above",
    ]


def test_nothing_checked_is_no_share() -> None:
    (line,) = coverage_lines(coverage("post", 0.9, [], left_out=1))

    assert "nothing to compare" in line


@pytest.mark.parametrize(
    ("usd", "shown"),
    [
        (0, "$0"),
        (0.0000001, "<$0.0001"),
        (0.000123, "$0.00012"),
        (0.5, "$0.5"),
        (1, "$1.00"),
        (12345.678, "$12,345.68"),
    ],
)
def test_dollars_are_shown_to_the_digit_that_matters(usd: float, shown: str) -> None:
    assert dollars(usd) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(7.6, "8 s"), (119, "119 s"), (150, "2.5 min"), (9000, "2.5 h"), (216_000, "2.5 days")],
)
def test_a_duration_is_shown_in_the_unit_that_suits_it(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
