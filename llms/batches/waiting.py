"""Which requests go into the next batch? What waits for one, cut to what the provider allows."""

import asyncio
import re
from collections import deque
from dataclasses import dataclass

from llms.budget import Reservation
from llms.classification import Failure
from llms.sdk import RawResponse

MOST_REQUESTS = 5000
"""Requests per batch; the API allows 50,000. Smaller ones can end one by one, and fit memory."""

MOST_BYTES = 50 * 2**20
"""Bytes per input file; the API allows 200 MB."""

_LIMIT = re.compile(r"[Ll]imit:?\s*([\d,]+)")
_MARGIN = 0.9
_LINE_BYTES = 160


@dataclass(slots=True, eq=False)
class Item:
    """A request that waits for its answer.

    Attributes:
        key: Its key, which is its `custom_id` as well.
        body: The request; empty once it has been handed in.
        tokens: Its prompt tokens, estimated.
        reservation: The money set aside for it.
        done: Its answer.
    """

    key: str
    body: bytes
    tokens: int
    reservation: Reservation
    done: "asyncio.Future[RawResponse | Failure]"


class Waiting:
    """The requests to one model that wait for a batch, and the room there is for them.

    Attributes:
        model: Name of the model in requests.
        enqueued: Prompt tokens in batches that have not ended, as we estimate them.
        most_enqueued: The most there may be; null until the provider has shown that there is a
            limit.
        changed: Something has come or room has been made.
    """

    def __init__(
        self, model: str, *, most_requests: int = MOST_REQUESTS, most_bytes: int = MOST_BYTES
    ) -> None:
        self.model = model
        self.enqueued = 0
        self.most_enqueued: int | None = None
        self.changed = asyncio.Event()
        self._most_requests = most_requests
        self._most_bytes = most_bytes
        self._items: deque[Item] = deque()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def is_enough(self) -> bool:
        """Whether a batch can be filled without waiting for more."""
        return len(self._items) >= self._most_requests

    def add(self, item: Item) -> None:
        """Have a request wait."""
        self._items.append(item)
        self.changed.set()

    def take_all(self) -> list[Item]:
        """Everything that waits, for another purpose than a batch."""
        items = [item for item in self._items if not item.done.done()]
        self._items.clear()
        return items

    def put_back(self, items: list[Item]) -> None:
        """Have requests wait again, before those that came meanwhile."""
        self._items.extendleft(reversed(items))

    def cut(self) -> list[Item]:
        """The requests of the next batch, in the order they came; none while there is no room."""
        cut: list[Item] = []
        size, tokens = 0, self.enqueued
        while self._items and len(cut) < self._most_requests:
            item = self._items[0]
            if item.done.done():  # whoever asked has been cancelled
                self._items.popleft()
                continue
            size += len(item.body) + _LINE_BYTES
            tokens += item.tokens
            over = self.most_enqueued is not None and tokens > self.most_enqueued
            # A single request that is over the limit is tried alone, when nothing else is there.
            if (over and (cut or self.enqueued)) or (cut and size > self._most_bytes):
                break
            cut.append(self._items.popleft())
        return cut

    def refused(self, tokens: int, message: str) -> bool:
        """Learn from a batch that was refused for its tokens, which are not enqueued any more.

        Returns:
            Whether another try makes sense: smaller, or once others have ended.
        """
        told = _LIMIT.search(message)
        limit = int(told[1].replace(",", "")) if told else 0
        tried = self.enqueued + tokens
        # Where the estimate would fit, it is too low, or somebody else has batches there.
        most = int(_MARGIN * limit) if limit and tried > limit else tried // 2
        known = self.most_enqueued
        self.most_enqueued = max(1, most if known is None else min(known, most))
        return self.enqueued > 0 or tokens > self.most_enqueued
