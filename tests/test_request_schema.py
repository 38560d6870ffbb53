"""The schema of a request: written down once, and never that of another call."""

import json
from typing import Any

from llms.calls import Call
from llms.sdk import Request
from schemas.answers import ROUTE, route_schema
from schemas.roles import Role


def make_call(schema: dict[str, Any]) -> Call:
    return Call(Role.FORMATTING_WORKER, "route", "system", "user", ROUTE, schema)


def test_equal_schemas_make_the_same_request() -> None:
    first, second = (Request.of(make_call(route_schema(["invoice", "receipt"]))) for _ in range(2))

    assert first.schema_text == second.schema_text
    assert first.digest == second.digest


def test_a_request_never_carries_the_schema_of_a_call_that_is_gone() -> None:
    # Each schema is garbage before the next one is made, which then takes its place in memory.
    for number in range(2000):
        names = [f"type_{number}"]
        request = Request.of(make_call(route_schema(names)))
        assert json.loads(request.schema_text) == route_schema(names)
