"""How does a run compare with one strong model, by what that said? Computed from the lake alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from llms.judgement import alike
from schemas.manifest import Manifest
from schemas.shadow import Counterfactual, Estimate
from schemas.tables import SHADOW
from storage.store import Lake
from tasks.bootstrap import FEWEST, estimate, perfect_low, share
from tasks.jobs import document_types
from tasks.shadow import SHADOW_FILE, records_of, strong_model


def counterfactual(manifest: Manifest, lake: Lake) -> Counterfactual | None:
    """Compare a run's records with the answers of the strong model; null where nobody was asked.

    Raises:
        LakeError: A table of the run is missing or broken.
    """
    strong = strong_model(manifest)
    path = lake.run(manifest.run_id, SHADOW_FILE)
    if strong is None or not manifest.job.shadow.share or not lake.exists(path):
        return None
    rows = lake.read_table(path, SHADOW.names).to_pylist()
    answered = [row for row in rows if row["failure"] is None]
    is_projected = bool(manifest.resolution.projected)
    column = "projected_usd" if is_projected else "usd"
    records, costs = _of_run(manifest, lake, {row["doc_id"] for row in answered}, column)
    seed = f"counterfactual:{manifest.job.seed}"
    base = Counterfactual(
        model=strong.slug,
        model_name=strong.shown_name,
        documents=len(rows),
        answered=len(answered),
        basis="projected" if is_projected else "booked",
    )
    if not answered:
        return base
    money = [(float(row[column] or 0.0), costs.get(row["doc_id"], 0.0)) for row in answered]
    fields = [_compared(row, records.get(row["doc_id"], {})) for row in answered]
    totals = [sum(column) for column in zip(*fields, strict=True)]
    agreeing, only_record, only_strong, different = totals
    right = [one for row in answered if (one := _right(row)) is not None]
    return base.model_copy(
        update={
            "strong_usd": sum(pair[0] for pair in money),
            "records_usd": sum(pair[1] for pair in money),
            "cost_ratio": _positive(estimate(money, share, seed=seed)),
            "fields": sum(totals),
            "agreeing": agreeing,
            "only_record": only_record,
            "only_strong": only_strong,
            "different": different,
            "agreement": _agreement(fields, seed),
            "labelled": len(right),
            "record_accuracy": estimate([(r, n) for r, _, n in right], share, seed=seed),
            "strong_accuracy": estimate([(s, n) for _, s, n in right], share, seed=seed),
            "gap": estimate([(s - r, n) for r, s, n in right], share, seed=seed),
        }
    )


def _of_run(
    manifest: Manifest, lake: Lake, doc_ids: set[str], column: str
) -> tuple[dict[str, dict[str, tuple[str, ...]]], dict[str, float]]:
    """What the run says of some documents, and what its answers for them cost."""
    records: dict[str, dict[str, tuple[str, ...]]] = {}
    costs: dict[str, float] = {}
    types = document_types(manifest.job)
    for shard in sorted(manifest.shards, key=lambda s: s.shard):
        rows = lake.read_table(shard.outcomes, ["doc_id", column]).to_pylist()
        mine = {row["doc_id"]: row[column] or 0.0 for row in rows if row["doc_id"] in doc_ids}
        if mine:
            costs |= mine
            records |= records_of(lake, shard, mine, types)
    return records, costs


def _compared(
    row: Mapping[str, Any], record: Mapping[str, tuple[str, ...]]
) -> tuple[int, int, int, int]:
    """Fields of a document: agreeing, only in the record, only of the strong model, different."""
    counts = [0, 0, 0, 0]
    for answer in row["answers"]:
        mine, strong = record.get(answer["field"], ()), tuple(answer["values"])
        if alike(mine, strong):
            counts[0] += 1
        elif not strong:
            counts[1] += 1
        else:
            counts[3 if mine else 2] += 1
    agreeing, only_record, only_strong, different = counts
    return agreeing, only_record, only_strong, different


def _right(row: Mapping[str, Any]) -> tuple[float, float, float] | None:
    """Labelled fields of a document: right in the record, right by the strong model, all."""
    labelled = [answer for answer in row["answers"] if answer["is_right"] is not None]
    if not labelled:
        return None
    return (
        float(sum(answer["is_record_right"] for answer in labelled)),
        float(sum(answer["is_right"] for answer in labelled)),
        float(len(labelled)),
    )


def _agreement(fields: Sequence[tuple[int, int, int, int]], seed: str) -> Estimate | None:
    found = estimate([(float(one[0]), float(sum(one))) for one in fields], share, seed=seed)
    if found is not None and found.value == 1 and len(fields) >= FEWEST:
        return found.model_copy(update={"low": perfect_low(len(fields))})
    return found


def _positive(ratio: Estimate | None) -> Estimate | None:
    """A ratio of money; null where one side is nothing."""
    return ratio if ratio is not None and ratio.value > 0 else None
