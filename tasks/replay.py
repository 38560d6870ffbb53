"""How do recorded answers get from a Parquet file into memory, checked?"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from llms.policies.recorded import Recorded, ReplayError, cheapest_first, check_model

_NEEDED: dict[str, Any] = {"query_id": pl.String, "model": pl.String, "correct": pl.Float64}
_OPTIONAL: dict[str, Any] = {
    "confidence": pl.Float64,
    "cost_usd": pl.Float64,
    "answer_cost_usd": pl.Float64,
    "query_text": pl.String,
    "query_kind": pl.String,
    "answer": pl.String,
}


def read_recorded(path: str | Path) -> Recorded:
    """Read recorded answers: a Parquet file with a row per query and model.

    The columns `query_id`, `model` and `correct` (0 to 1) must be there; `confidence`, `cost_usd`,
    `answer_cost_usd` (default: `cost_usd`), `query_text`, `query_kind` and `answer` may be. The
    name of the data set is that of the file.

    Raises:
        ReplayError: There is no such file, it is no Parquet file, a column is missing or holds
            something else, or not every model answered every query exactly once.
    """
    path = Path(path)
    frame = _frame(path)
    _check_rows(path, frame)
    frame = frame.sort("query_id", "model")
    columns = {str(key[0]): part for key, part in frame.partition_by("model", as_dict=True).items()}
    first = next(iter(columns.values()))
    ids = tuple(first["query_id"])
    for model, part in columns.items():
        if tuple(part["query_id"]) != ids:
            raise ReplayError(
                f"{path}: {model} did not answer the same queries as the other models, each once; "
                "keep the queries that every model answered"
            )

    def column(name: str) -> dict[str, tuple[Any, ...]]:
        return {model: tuple(part[name]) for model, part in columns.items()}

    answer_cost = column("answer_cost_usd")
    return Recorded(
        dataset=path.stem,
        query_ids=ids,
        models=cheapest_first(list(columns), answer_cost),
        correct=column("correct"),
        confidence=column("confidence"),
        cost=column("cost_usd"),
        answer_cost=answer_cost,
        text=tuple(first["query_text"]),
        answer=column("answer"),
        kind=tuple(first["query_kind"]),
    )


def _frame(path: Path) -> pl.DataFrame:
    """The columns of the file in their types, missing ones as nulls."""
    if not path.is_file():
        raise ReplayError(
            f"no recorded answers at {path}; give a Parquet file with a row per query and model"
        )
    try:
        found = pl.read_parquet_schema(path)
    except (pl.exceptions.PolarsError, OSError):
        raise ReplayError(f"{path} is no Parquet file") from None
    missing = [name for name in _NEEDED if name not in found]
    if missing:
        raise ReplayError(
            f"{path} lacks the column {missing[0]!r}; recorded answers need "
            f"{', '.join(_NEEDED)}, and may have {', '.join(_OPTIONAL)}"
        )
    wanted = {name: dtype for name, dtype in (_NEEDED | _OPTIONAL).items() if name in found}
    frame = pl.read_parquet(path, columns=list(wanted))
    for name, dtype in wanted.items():
        try:
            frame = frame.with_columns(pl.col(name).cast(dtype))
        except pl.exceptions.PolarsError:
            raise ReplayError(
                f"{path}: column {name!r} holds {found[name]}, not {_kind(dtype)}"
            ) from None
    absent = [
        pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in _OPTIONAL.items()
        if name not in wanted
    ]
    return frame.with_columns(absent).with_columns(
        pl.col("answer_cost_usd").fill_null(pl.col("cost_usd")),
        pl.col("cost_usd").fill_null(pl.col("answer_cost_usd")),
        pl.col("confidence").fill_nan(None),
    )


def _kind(dtype: Any) -> str:
    return "text" if dtype == pl.String else "numbers"


def _check_rows(path: Path, frame: pl.DataFrame) -> None:
    if frame.is_empty():
        raise ReplayError(f"{path} holds no recorded answer")
    for name in ("query_id", "model"):
        if frame[name].null_count():
            raise ReplayError(f"{path}: column {name!r} has {frame[name].null_count():,} nulls")
    outside = frame.filter(~pl.col("correct").is_between(0, 1).fill_null(value=False))
    if not outside.is_empty():
        row = outside.row(0, named=True)
        raise ReplayError(
            f"{path}: column 'correct' must be from 0 to 1; {row['model']} on query "
            f"{row['query_id']} has {row['correct']}"
        )
    for name in ("cost_usd", "answer_cost_usd"):
        # A negative or infinite cost would turn the cheapest model into the best one.
        wrong = frame.filter((pl.col(name) < 0) | ~pl.col(name).is_finite())
        if not wrong.is_empty():
            row = wrong.row(0, named=True)
            raise ReplayError(
                f"{path}: {name} of {row['model']} on query {row['query_id']} is {row[name]}, "
                "which is no cost"
            )


def with_prices(recorded: Recorded, prices: Mapping[str, float]) -> Recorded:
    """The same answers with a cost per call, in US dollars, for some of the models.

    Raises:
        ReplayError: There is no such model.
    """
    for model in prices:
        check_model(recorded, model)
    flat = {model: (usd,) * len(recorded) for model, usd in prices.items()}
    answer_cost = {**recorded.answer_cost, **flat}
    return replace(
        recorded,
        models=cheapest_first(recorded.models, answer_cost),
        cost={**recorded.cost, **flat},
        answer_cost=answer_cost,
    )


def without_models(recorded: Recorded, models: Sequence[str]) -> Recorded:
    """The same answers but those of some models.

    Raises:
        ReplayError: There is no such model, or none is left.
    """
    for model in models:
        check_model(recorded, model)
    left = [model for model in recorded.models if model not in models]
    if not left:
        raise ReplayError(f"{recorded.dataset} has no model left without {', '.join(models)}")
    return recorded.among(left)
