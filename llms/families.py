"""Which models are kin, so that one should not check what the other said?

A family is a creator's lineage: models that grew from the same data and recipe tend to be wrong
about the same things. The lineage is the first word of the model's slug up to its first digit, so
that generations, sizes and efforts fall together: `gpt-5-4-nano`, `gpt-5-6-sol-high` and
`gpt-oss-120b` are OpenAI's `gpt`; `claude-opus-4-8` and `claude-haiku-4-5` Anthropic's `claude`;
`gemini` and `gemma` are two lineages of Google's. Names that hide a kinship (a model distilled
from another one's answers) deceive the rule.
"""

import re

from schemas.roles import Model

Family = tuple[str, str]
"""Creator and lineage, case folded."""

_LINEAGE = re.compile(r"[^\W\d_]+")


def family(model: Model) -> Family:
    """The family of a model; the name before a slash, that of a provider, does not count."""
    name = model.slug.rsplit("/", 1)[-1].casefold()
    found = _LINEAGE.match(name)
    return model.creator.casefold(), found.group() if found else name


def kinship(model: Model, other: Model) -> int:
    """How near two models are: 0 of two families, 1 of one, 2 the same model at any effort."""
    if model.slug == other.slug or _bare(model) == _bare(other):
        return 2
    return int(family(model) == family(other))


def _bare(model: Model) -> str:
    return model.api_id.rsplit("/", 1)[-1]
