"""What do the rules answer to a question? A pure function of model, messages and answer schema."""

from collections.abc import Mapping, Sequence
from typing import Any

from llms.offline import questions
from llms.offline.careful import careful_answer
from llms.offline.decisions import decisions_answer
from llms.offline.findings import findings_answer
from llms.offline.job_plans import plan_answer
from llms.offline.page import Page
from llms.offline.plans import plan_for
from llms.offline.quick import quick_answer
from llms.offline.routing import route_answer
from llms.offline.verdicts import verdicts_answer
from schemas.answers import INSIGHTS, ROUTE, VERDICTS
from schemas.decisions import DECISIONS
from schemas.plans import PLAN

QUICK = "offline-quick"
CAREFUL = "offline-careful"
RULES_VERSION = "1"
"""Changes whenever the rules may answer differently; part of every answer's fingerprint."""


def answer(
    model: str,
    messages: Sequence[Mapping[str, Any]],
    schema_name: str,
    schema: dict[str, Any],
) -> dict[str, Any]:
    """Answer a question by rules.

    Args:
        model: `QUICK` or `CAREFUL`.
        messages: Chat messages, as `llms.prompts` writes them.
        schema_name: Which question it is; any name but the others means extraction.
        schema: The JSON schema of the answer.

    Returns:
        An object that is valid under `schema`.

    Raises:
        MalformedQuestionError: A part of the messages that should hold JSON does not.
    """
    careful = model == CAREFUL
    if schema_name == ROUTE:
        choices = schema.get("properties", {}).get("document_type", {}).get("enum", ["other"])
        text = questions.document(messages)
        return route_answer(text, questions.types(messages), choices, careful=careful)
    if schema_name == VERDICTS:
        return verdicts_answer(questions.json_part(messages, "claims"), careful=careful)
    if schema_name == DECISIONS:
        disputes = questions.json_part(messages, "disputes")
        return decisions_answer(disputes, questions.document(messages), schema)
    if schema_name == PLAN:
        documents = questions.json_part(messages, "documents")
        return plan_answer(questions.part(messages, "goal") or "", documents or [])
    if schema_name == INSIGHTS:
        figures = questions.json_part(messages, "figures")
        return findings_answer(figures, questions.most_findings(messages), careful=careful)
    plan = plan_for(schema)
    text = questions.document(messages)
    page = Page(text, plan)
    read = careful_answer if careful else quick_answer
    answers = read(plan, page, questions.rejected(messages))
    return {field.name: answers[field.name].as_json(field, text) for field in plan.fields}
