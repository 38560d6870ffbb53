"""What do `docmill models show` and `compare` print: models with their figures and places?"""

from collections.abc import Mapping, Sequence
from typing import Any

from flows.models_changes import HISTORY, moment
from flows.query_output import plain_text
from llms.catalog import COLUMNS, Catalog, CatalogModel
from llms.failures import CatalogError
from llms.pricing import Talkativeness, as_model, expected_call_usd
from llms.ranking import Ranking, rank
from llms.roles import demands_of
from schemas.roles import Role
from tasks.catalogs import Snapshot, catalog_folder, current_snapshot
from tasks.model_history import histories_by_slug, turning_points

_APART = ("roles", "provenance", "history")


def shown_models(name: str, env: Mapping[str, str]) -> tuple[Snapshot, list[dict[str, Any]]]:
    """The catalog in force, and everything known of the models called `name`.

    Returns:
        Per model its figures, `roles` (its place, or why it has none), `provenance` by figure and
        `history`: the snapshots in which a lasting figure changed.

    Raises:
        UnknownModelError: Nothing is called so.
        CatalogError: The snapshots cannot be read.
    """
    snapshot = current_snapshot(catalog_folder(env))
    models = snapshot.catalog.find(name)
    histories = histories_by_slug([model.slug for model in models], env)
    rankings = _rankings(snapshot.catalog)
    return snapshot, [
        {
            **_figures(snapshot.catalog, model),
            "roles": {r.role.value: _place(r, model) for r in rankings},
            "provenance": {
                p.column: {"source": p.source, "as_of": p.as_of, "note": p.note}
                for p in snapshot.provenance
                if p.slug == model.slug
            },
            "history": [
                moment(entry) for entry in turning_points(histories.entries.get(model.slug, ()))
            ],
        }
        for model in models
    ]


def models_text(snapshot: Snapshot, found: Sequence[Mapping[str, Any]]) -> str:
    """The same as tables of figures with their sources, of places and of the history."""
    parts: list[str] = []
    for entry in found:
        origins = entry["provenance"]
        figures = [
            (name, _said(value), *_origin(origins.get(name)))
            for name, value in entry.items()
            if name not in _APART
        ]
        parts += [plain_text(("figure", "value", "source", "as of"), figures), ""]
        parts += [plain_text(("role", "place"), list(entry["roles"].items())), ""]
        moments = [tuple(one[name] for name in HISTORY) for one in entry["history"]]
        parts += [plain_text(HISTORY, moments), ""]
    return "\n".join([*parts, snapshot.catalog.attribution])


def compared_models(
    names: Sequence[str], env: Mapping[str, str]
) -> tuple[Snapshot, list[dict[str, Any]]]:
    """The catalog in force, and the models called `names` with what a call of each role costs.

    Raises:
        UnknownModelError: A name is nobody's.
        CatalogError: They are fewer than two models.
    """
    snapshot = current_snapshot(catalog_folder(env))
    catalog = snapshot.catalog
    models = {model.slug: model for name in names for model in catalog.find(name)}
    if len(models) < 2:
        raise CatalogError(f"{' and '.join(names)}: that is one model; name another to compare")
    rankings, talk = _rankings(catalog), Talkativeness.of(catalog.models)
    return snapshot, [
        {
            **_figures(catalog, model),
            "roles": {
                ranking.role.value: {
                    "call_usd": _call_usd(ranking, model, talk),
                    "place": _place(ranking, model),
                }
                for ranking in rankings
            },
        }
        for model in models.values()
    ]


def comparison_text(snapshot: Snapshot, found: Sequence[Mapping[str, Any]]) -> str:
    """The same side by side, a column per model."""
    names = [name for name in found[0] if name not in ("slug", "roles")]
    rows: list[tuple[Any, ...]] = [(name, *(_said(one[name]) for one in found)) for name in names]
    for role in found[0]["roles"]:
        places = [one["roles"][role] for one in found]
        rows.append((f"{role}, $/1,000 calls", *(_per_thousand(p["call_usd"]) for p in places)))
        rows.append((f"{role}, place", *(p["place"].partition(":")[0] for p in places)))
    table = plain_text(("", *(str(one["slug"]) for one in found)), rows)
    return f"{table}\n\n{snapshot.catalog.attribution}"


def _figures(catalog: Catalog, model: CatalogModel) -> dict[str, Any]:
    found = {column.name: getattr(model, column.name) for column in COLUMNS}
    found["thinking_factor"] = Talkativeness.of(catalog.models).factor(model)
    return found


def _rankings(catalog: Catalog) -> list[Ranking]:
    """Every role filled from the whole catalog, whoever serves its models."""
    specs = demands_of(catalog).specs
    return [rank(role, catalog.models, spec=specs[role]) for role in Role]


def _place(ranking: Ranking, model: CatalogModel) -> str:
    for place, candidate in enumerate(ranking.candidates, start=1):
        if candidate.model == model:
            return f"{place} of {len(ranking.candidates)}: {candidate.reason}"
    return next(entry.reason for entry in ranking.left_out if entry.model == model)


def _call_usd(ranking: Ranking, model: CatalogModel, talk: Talkativeness) -> float | None:
    """Expected cost of a call of the role, also for a model that cannot play it."""
    if model.price is None:
        return None
    shape = ranking.spec.shape
    priced = as_model(model, talk, provider="catalog")
    return round(expected_call_usd(priced, shape.prompt_tokens, shape.answer_tokens), 8)


def _per_thousand(call_usd: float | None) -> str | None:
    return None if call_usd is None else f"{1000 * call_usd:,.2f}"


def _said(value: Any) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return None if value is None else str(value)


def _origin(origin: Mapping[str, Any] | None) -> tuple[str | None, str | None]:
    if origin is None:
        return None, None
    note = f" ({origin['note']})" if origin["note"] else ""
    return f"{origin['source']}{note}", origin["as_of"].isoformat()
