"""What has changed between the models of two runs, and why?"""

from collections.abc import Collection, Iterator, Mapping

from llms.ranking import Ranking
from schemas.roles import Model, Resolution, Role


def changes(
    before: Resolution,
    after: Resolution,
    rankings: Mapping[Role, Ranking],
    named: Collection[Role] = (),
) -> tuple[str, ...]:
    """One sentence per role whose first choice is another than it was.

    Args:
        before: The earlier run's models.
        after: The later run's.
        rankings: What the later ones were chosen from; empty for a profile without a catalog.
        named: Roles for which the later job names the model.
    """
    return tuple(_changes(before, after, rankings, named))


def _changes(
    before: Resolution,
    after: Resolution,
    rankings: Mapping[Role, Ranking],
    named: Collection[Role],
) -> Iterator[str]:
    for role in Role:
        old, new = before.model(role), after.model(role)
        if old.slug == new.slug:
            continue
        if role in named:
            why = "the job names it"
        elif role in rankings:
            why = _why(old, new, rankings[role], after.catalog_version)
        else:
            why = f"the profile {after.profile} has other models than before"
        yield f"{role.value}: {old.slug} -> {new.slug} because {why}"


def _why(old: Model, new: Model, ranking: Ranking, catalog: str) -> str:
    for entry in ranking.left_out:
        if entry.model.slug == old.slug:
            return f"of {old.slug}: {entry.reason}"
    reasons = {candidate.model.slug: candidate.reason for candidate in ranking.candidates}
    if old.slug not in reasons:
        return f"the catalog of {catalog} does not list {old.slug}"
    if new.slug not in reasons:
        return "a provider declares it for the role"
    priority = ranking.spec.priority.value
    return f"it ranks higher by {priority}: {reasons[new.slug]}, against {reasons[old.slug]}"
