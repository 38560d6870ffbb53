"""Numbers of things in words."""

import pytest

from schemas.counted import counted


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 calls"), (1, "1 call"), (2, "2 calls"), (1200, "1,200 calls")]
)
def test_one_thing_is_said_in_the_singular(number: int, said: str) -> None:
    assert counted(number, "call") == said


def test_a_plural_of_its_own_is_used_for_several() -> None:
    assert counted(1, "query", "queries") == "1 query"
    assert counted(2, "query", "queries") == "2 queries"
