"""Recorded answers of made-up models, whose right policy is known."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from llms.policies.recorded import Recorded
from tasks.replay import read_recorded

USD = {"small": 0.001, "medium": 0.003, "large": 0.02}


def rows_of(
    queries: int = 400, *, says_how_sure: bool = True, seed: int = 1
) -> list[dict[str, Any]]:
    """A row per query and model.

    `small` is right on easy queries and says how sure it is, `medium` is a little better, `large`
    is right nearly always. The words of a query tell easy from hard.
    """
    dice = random.Random(seed)
    rows = []
    for query in range(queries):
        hardness = dice.random()
        words = "derive the proof of" if hardness > 0.6 else "name the colour of"
        for model, skill in (("small", 0.7), ("medium", 0.8), ("large", 1.2)):
            is_right = dice.random() < (0.97 if hardness < 0.9 * skill - 0.05 else 0.25)
            sure = 1 - 0.6 * hardness + dice.uniform(-0.05, 0.05)
            rows.append(
                {
                    "query_id": f"q{query:04}",
                    "model": model,
                    "correct": float(is_right),
                    "confidence": min(1.0, sure) if says_how_sure else None,
                    "cost_usd": USD[model],
                    "answer_cost_usd": USD[model],
                    "query_text": f"{words} thing {query % 7}",
                    "answer": "yes" if is_right else f"no, {dice.randrange(3)}",
                }
            )
    return rows


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A file of recorded answers."""
    pl.DataFrame([dict(row) for row in rows], infer_schema_length=None).write_parquet(path)
    return path


def recorded_of(folder: Path, rows: Sequence[Mapping[str, Any]]) -> Recorded:
    """Recorded answers as a file gives them."""
    return read_recorded(write_rows(folder / "made_up.parquet", rows))
