"""Which figure stands in the catalog where sources differ, and where did each come from?"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

from llms.catalog import CatalogModel, Figure, with_output_tokens
from llms.catalog_sources.claims import MEASURED, PRICES, Claim, Row
from llms.catalog_sources.matching import ApiNames, PriceList, doubts, rivals_of, slug_of
from llms.catalog_sources.rows import NAMES, PartialRow, Reading, Source, told

POINTS = ("intelligence", "coding", "math")

FIGURES = tuple(
    f.name
    for f in fields(CatalogModel)
    if f.name not in {"slug", "as_of", "output_tokens_per_task", "index_version"}
)
"""Columns with a provenance: all but the key, the day, what is worked out from the others, and the
version of the scale, which docmill names itself."""

_COLUMNS = (*FIGURES, "index_version")

_DISAGREEMENT = 2.0
"""Ratio of two published prices from which on it is told."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a figure of the catalog comes from.

    Attributes:
        slug: Row of the catalog.
        column: Column of `llms`.
        source: Value of a `Source`.
        as_of: The day the figure stands for.
        note: For a null figure that a source does publish: why it is taken for unknown.
    """

    slug: str
    column: str
    source: str
    as_of: date
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """A catalog made of several sources.

    Attributes:
        models: The rows, the most intelligent first.
        provenance: One per figure that is not null, and per null figure with a note.
        remarks: Sentences on what a reader should know: doubts, contradictions, losses.
    """

    models: tuple[CatalogModel, ...]
    provenance: tuple[Provenance, ...]
    remarks: tuple[str, ...]


def merge(
    base: Sequence[CatalogModel],
    base_provenance: Iterable[Provenance],
    readings: Iterable[Reading],
) -> Merged:
    """Merge what was read with the last good catalog.

    Rows come from whoever measures: the last good catalog, Artificial Analysis and a file of
    one's own; price lists only add to them, to all efforts of a model alike. A figure of the last
    good catalog keeps its rank until its source is read anew; from then on it stands behind all
    that was read. The order of `readings` does not matter, but for several files of one's own:
    the first one wins. A row that its only source no longer lists is gone.

    Args:
        base: The last good catalog.
        base_provenance: Where its figures came from; what is missing came with docmill.
        readings: What was read now.
    """
    ranked = sorted(readings, key=lambda reading: MEASURED.index(reading.source))
    remarks: list[str] = []
    rows = _base_rows(base, base_provenance, ranked, remarks)
    names = ApiNames(base, ranked)
    for reading in ranked:
        if reading.source is Source.ARTIFICIAL_ANALYSIS:
            _add_measured(reading, rows, names, remarks)
    usual = Counter(model.index_version for model in base).most_common(1)
    for reading in ranked:
        if reading.source is Source.OWN:
            _add_own(reading, rows, remarks)
    for reading in ranked:
        if reading.source in {Source.OPENROUTER, Source.LITELLM}:
            _add_prices(reading, rows, remarks)
    for row in rows.values():
        _add_defaults(row, usual[0][0] if usual else None)
    merged = _chosen(rows)
    remarks += _withdrawn(base, merged.models)
    remarks += _disagreements(rows)
    return replace(merged, remarks=tuple(remarks))


def _base_rows(
    base: Sequence[CatalogModel],
    base_provenance: Iterable[Provenance],
    ranked: Sequence[Reading],
    remarks: list[str],
) -> dict[str, Row]:
    """The rows of the last good catalog that still stand, with what it says of each."""
    origins = {(p.slug, p.column): p for p in base_provenance if p.note is None}
    fresh = {reading.source for reading in ranked}
    listed = _listed(ranked)
    rows: dict[str, Row] = {}
    gone: defaultdict[Source, list[str]] = defaultdict(list)
    for model in base:
        row = Row(model.slug)
        for column in _COLUMNS:
            value = getattr(model, column)
            origin = origins.get((model.slug, column))
            source = Source(origin.source) if origin else Source.EMBEDDED
            is_measured_anew = model.slug in listed.get(Source.ARTIFICIAL_ANALYSIS, ())
            # Points that are not published any more may stand on a scale that is gone.
            is_withdrawn = column in POINTS and is_measured_anew and source is not Source.OWN
            if value is not None and not is_withdrawn:
                as_of = origin.as_of if origin else model.as_of
                row.claims[column].append(Claim(value, source, as_of, source in fresh))
        home = Source.OWN if row.is_own else Source.ARTIFICIAL_ANALYSIS
        if home in listed and listed[home].isdisjoint({model.slug, model.api_id}):
            gone[home].append(model.slug)
        else:
            rows[model.slug] = row
    for home, slugs in gone.items():
        remarks.append(f"gone, since {NAMES[home]} no longer lists them: {told(sorted(slugs))}")
    return rows


def _listed(ranked: Sequence[Reading]) -> dict[Source, set[Figure]]:
    """By source with rows of its own, if it was read: the slugs it lists; API ids of one's own."""
    listed: dict[Source, set[Figure]] = {}
    for reading in ranked:
        if reading.source is Source.ARTIFICIAL_ANALYSIS:
            listed.setdefault(reading.source, set()).update(r.figures["slug"] for r in reading.rows)
        if reading.source is Source.OWN:
            names = {
                r.figures[k] for r in reading.rows for k in r.figures.keys() & {"slug", "api_id"}
            }
            listed.setdefault(reading.source, set()).update(names)
    return listed


def _add_measured(
    reading: Reading, rows: dict[str, Row], names: ApiNames, remarks: list[str]
) -> None:
    """Add what Artificial Analysis says; a model without a name to call it by is left out."""
    nameless: list[str] = []
    for partial in reading.rows:
        slug = str(partial.figures["slug"])
        if slug not in rows:
            figures = partial.figures
            api_id = figures.get("api_id") or names.find(
                str(figures["name"]), str(figures.get("creator", ""))
            )
            if api_id is None:
                nameless.append(slug)
                continue
            partial = PartialRow({**figures, "api_id": api_id}, partial.withheld)
            rows[slug] = Row(slug)
        rows[slug].add(reading, partial)
    if nameless:
        remarks.append(
            f"left out {len(nameless)} of the {len(reading.rows)} models of Artificial Analysis, "
            f"since no source says by which name to call them: {told(sorted(nameless))}"
        )


def _add_own(reading: Reading, rows: dict[str, Row], remarks: list[str]) -> None:
    """Add a file of one's own; a model that nobody else lists needs a name to call it by."""
    nameless: list[str] = []
    by_api_id = _by_api_id(rows)
    for partial in reading.rows:
        slug, api_id = partial.figures.get("slug"), partial.figures.get("api_id")
        if isinstance(slug, str):
            slugs = [slug]
        else:
            slugs = by_api_id.get(str(api_id).casefold(), [slug_of(str(api_id))])
        for one in slugs:
            if one not in rows and api_id is None:
                nameless.append(one)
                continue
            rows.setdefault(one, Row(one)).add(reading, partial)
    if nameless:
        remarks.append(
            "left out of your own file, since the catalog does not list them and they have no "
            f"api_id: {told(sorted(nameless))}"
        )


def _add_prices(reading: Reading, rows: Mapping[str, Row], remarks: list[str]) -> None:
    """Add what a price list says of a model to all its efforts."""
    by_api_id = _by_api_id(rows)
    prices, rivals = PriceList(reading.rows), rivals_of(by_api_id)
    for api_id, slugs in by_api_id.items():
        found = prices.find(api_id, rivals)
        if found is None:
            continue
        # The catalog's own spelling stays: it is the one that requests use.
        figures = {k: v for k, v in found.figures.items() if k != "api_id"}
        for slug in slugs:
            rows[slug].add(reading, PartialRow(figures, found.withheld))
    remarks += doubts(reading, prices)


def _by_api_id(rows: Mapping[str, Row]) -> dict[str, list[str]]:
    """The rows of each API id, case folded."""
    slugs: defaultdict[str, list[str]] = defaultdict(list)
    for slug, row in rows.items():
        slugs[str(row.api_id.value).casefold()].append(slug)
    return dict(slugs)


def _add_defaults(row: Row, index_version: str | None) -> None:
    """Fill what every row must have and a new one may lack, in the name of who added it."""
    api_id = row.api_id
    maker = str(api_id.value).rpartition("/")[0]
    usual = {
        "name": row.slug,
        "creator": maker or row.slug,
        "index_version": index_version or api_id.as_of.isoformat(),
    }
    for column, value in usual.items():
        if not row.claims[column]:
            row.claims[column].append(Claim(value, api_id.source, api_id.as_of))


def _disagreements(rows: Mapping[str, Row]) -> list[str]:
    """A sentence on prices that differ between sources so much that one of them must be wrong."""
    found: dict[str, str] = {}
    for row in rows.values():
        for column in PRICES:
            prices = row.published(column)
            if prices and max(prices.values()) > _DISAGREEMENT * min(prices.values()):
                said = ", ".join(f"{NAMES[s]} {prices[s]:g}" for s in sorted(prices))
                # Efforts of a model share their prices: one of them is enough.
                key = f"{row.api_id.value} {column}"
                found.setdefault(key, f"{key} ({said})")
    if not found:
        return []
    return [
        f"prices that differ by more than 2 times: {told([found[key] for key in sorted(found)])}"
    ]


def _withdrawn(base: Sequence[CatalogModel], models: Sequence[CatalogModel]) -> list[str]:
    """Sentences on points that a source has taken back."""
    now = {model.slug: model for model in models}
    remarks: list[str] = []
    for column in POINTS:
        slugs = [
            model.slug
            for model in base
            if model.slug in now
            and getattr(model, column) is not None
            and getattr(now[model.slug], column) is None
        ]
        if slugs:
            remarks.append(f"{column} is no longer published: {told(sorted(slugs))}")
    return remarks


def _chosen(rows: Mapping[str, Row]) -> Merged:
    models: list[CatalogModel] = []
    provenance: list[Provenance] = []
    for slug in sorted(rows):
        row = rows[slug]
        chosen = {column: claim for column in _COLUMNS if (claim := row.best(column)) is not None}
        values: dict[str, Any] = dict.fromkeys(_COLUMNS)
        values |= {column: claim.value for column, claim in chosen.items()}
        as_of = max(claim.as_of for claim in chosen.values())
        models.append(CatalogModel(slug=slug, as_of=as_of, **values))
        provenance += [
            Provenance(slug, column, claim.source.value, claim.as_of)
            for column, claim in chosen.items()
            if column in FIGURES
        ]
        provenance += [
            Provenance(slug, column, source.value, as_of, note)
            for column, (source, as_of, note) in row.withheld.items()
            if column not in chosen
        ]
    return Merged(with_output_tokens(best_first(models)), tuple(provenance), ())


def best_first(models: Iterable[CatalogModel]) -> list[CatalogModel]:
    """Rows in the order of a catalog: the most intelligent first, those without a score last."""
    return sorted(
        models, key=lambda m: -1.0 if m.intelligence is None else m.intelligence, reverse=True
    )
