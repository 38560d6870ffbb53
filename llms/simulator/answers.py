"""What does the simulated model say? The right content of an answer, and content gone wrong."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic_core import to_json

from llms.offline.engine import CAREFUL, QUICK, answer
from llms.offline.questions import MalformedQuestionError, document
from llms.pricing import CHARS_PER_TOKEN, estimate_tokens
from llms.simulator.chat import BadRequestError, Chat
from llms.simulator.faults import Fault
from llms.simulator.lifting import Source, writer
from llms.simulator.scenario import Behaviour, Scenario
from llms.simulator.stats import Usage
from schemas.answers import INSIGHTS

CHEAP = ("nano", "mini", "luna", "flash", "quick")
"""Parts of model names that the quick rules play; the careful ones play all others."""

_PLAIN = "This is a simulated provider; it answers questions with a JSON schema."
_NOTHING = Source("")
_CACHED_FROM = 1024
_CACHED_STEP = 128


@dataclass(frozen=True, slots=True)
class Said:
    """An answer before it is put on the wire; no usage where the provider reports none."""

    content: str | None
    usage: Usage
    finish_reason: str = "stop"
    refusal: str | None = None
    tells_usage: bool = True


class Author:
    """Writes answers in one scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._prefixes: set[tuple[str, str, bytes]] = set()

    def write(self, chat: Chat, behaviour: Behaviour, fault: Fault | None) -> Said:
        """The answer to a request, gone wrong if `fault` is one of kind answer.

        Raises:
            BadRequestError: The offline rules find the messages malformed.
        """
        content = self._content(chat, behaviour)
        tokens = estimate_tokens(len(content))
        output = math.ceil(tokens * behaviour.thinking_factor)
        cached = self._cached(chat) if behaviour.caches_prompts else 0
        said = Said(content, Usage(chat.prompt_tokens, output, cached, output - tokens))
        most = chat.most_output
        if most is not None and output > most:
            # Thinking comes first: what is left of the limit is all that gets written.
            written = max(0, most - (output - tokens))
            usage = replace(said.usage, completion_tokens=most, reasoning_tokens=most - written)
            said = Said(content[: written * CHARS_PER_TOKEN], usage, "length")
        return spoilt(said, fault, most) if fault is not None else said

    def _content(self, chat: Chat, behaviour: Behaviour) -> str:
        if chat.schema is None:
            return _PLAIN
        if self._scenario.answers == "offline":
            return _by_rules(chat, behaviour)
        if self._scenario.answers == "canned":
            canned = self._scenario.canned
            for name in (chat.schema_name, "*"):
                if name in canned:
                    return _json(canned[name])
            return _json(writer(chat.schema_text)(_NOTHING))
        if chat.schema_name == INSIGHTS:
            # Findings must name figures by their ids, which are no words of the text.
            return _by_rules(chat, behaviour)
        return _json(writer(chat.schema_text)(Source(document(chat.messages))))

    def _cached(self, chat: Chat) -> int:
        """Prompt tokens from the cache: schema and first message, if they have come before."""
        first = str(chat.messages[0].get("content"))
        prefix = chat.model, first, chat.schema_text
        is_known = prefix in self._prefixes
        self._prefixes.add(prefix)
        tokens = estimate_tokens(len(first) + len(chat.schema_text))
        return tokens // _CACHED_STEP * _CACHED_STEP if is_known and tokens >= _CACHED_FROM else 0


def spoilt(said: Said, fault: Fault, most_output: int | None) -> Said:
    """An answer with a fault of kind answer; as it was with any other.

    Args:
        said: The right answer.
        fault: What goes wrong.
        most_output: The request's output limit, which a truncated answer has used up.
    """
    content = said.content or ""
    match fault:
        case Fault.EMPTY:
            return replace(said, content="")
        case Fault.MALFORMED:
            return replace(said, content=f"{content[: len(content) * 3 // 4]} ...")
        case Fault.FENCED:
            return replace(said, content=f"Here is the answer:\n```json\n{content}\n```")
        case Fault.TRUNCATED:
            used = most_output or said.usage.completion_tokens
            usage = replace(said.usage, completion_tokens=used)
            half = content[: len(content) // 2]
            return replace(said, content=half, usage=usage, finish_reason="length")
        case Fault.WRONG_SCHEMA:
            return replace(said, content=_misshapen(content))
        case Fault.REFUSAL:
            return replace(said, content=None, refusal="I cannot help with this document.")
        case Fault.CONTENT_FILTER:
            half = content[: len(content) // 2]
            return replace(said, content=half, finish_reason="content_filter")
        case Fault.NO_USAGE:
            return replace(said, tells_usage=False)
    return said


def completion(said: Said, model: str, tier: str, answer_id: str, created: int) -> dict[str, Any]:
    """The body of a chat completion.

    Args:
        said: The answer.
        model: The model that was asked.
        tier: The service tier it was served at.
        answer_id: Its id, without prefix.
        created: Seconds since the epoch.
    """
    message = {"role": "assistant", "content": said.content, "refusal": said.refusal}
    body: dict[str, Any] = {
        "id": f"chatcmpl-{answer_id}",
        "object": "chat.completion",
        "created": created,
        "model": model,
        "service_tier": tier,
        "system_fingerprint": "docmill-simulator",
        "choices": [
            {"index": 0, "message": message, "logprobs": None, "finish_reason": said.finish_reason}
        ],
    }
    if said.tells_usage:
        usage = said.usage
        body["usage"] = {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
            "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        }
    return body


def _by_rules(chat: Chat, behaviour: Behaviour) -> str:
    is_cheap = behaviour.engine == "quick" or (
        behaviour.engine is None and any(part in chat.model for part in CHEAP)
    )
    try:
        found = answer(
            QUICK if is_cheap else CAREFUL, chat.messages, chat.schema_name, dict(chat.schema or {})
        )
    except MalformedQuestionError as error:
        raise BadRequestError.of(str(error), param="messages") from error
    return _json(found)


def _misshapen(content: str) -> str:
    try:
        found = json.loads(content)
    except ValueError:
        return content
    if isinstance(found, Mapping) and found:
        kept = list(found.items())[1:]
        return _json({**dict(kept), "unasked": True})
    return _json([found])


def _json(value: Any) -> str:
    return to_json(value).decode()
