"""Which limits hold where? One limiter per model at a provider, for a process."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

from llms.limit_share import Share
from llms.limiter import Limiter
from llms.rates import WINDOW_S
from llms.shared_limits import SharedLimits, limit_name
from llms.waiters import Permit
from schemas.providers import Provider

__all__ = ["WINDOW_S", "Limiter", "Limiters", "Permit"]


class Limiters:
    """The limiters of a process, shared by all its shards and event loops.

    Args:
        clock: Seconds that only ever grow.
        sleep: Waits some seconds.
        shared: The limits that other processes use as well; null where this one is alone.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        shared: SharedLimits | None = None,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._shared = shared
        self._limiters: dict[tuple[str, str], Limiter] = {}
        self._lock = threading.Lock()

    def limiter(self, provider: Provider, api_id: str, key: str = "") -> Limiter:
        """The limiter of a model at a provider; what is said counts when it is first asked for.

        Args:
            provider: The provider; its limits are those of the model.
            api_id: Name of the model in its requests.
            key: The key it is called with: each has limits of its own.
        """
        with self._lock:
            name = (provider.name, api_id)
            if name not in self._limiters:
                self._limiters[name] = Limiter(
                    requests_per_minute=provider.requests_per_minute,
                    tokens_per_minute=provider.tokens_per_minute,
                    input_tokens_per_minute=provider.input_tokens_per_minute,
                    output_tokens_per_minute=provider.output_tokens_per_minute,
                    in_flight=provider.in_flight,
                    clock=self._clock,
                    sleep=self._sleep,
                    share=self._share(provider, api_id, key),
                )
            return self._limiters[name]

    def close(self) -> None:
        """Let go of what is shared with other processes."""
        if self._shared is not None:
            self._shared.close()

    def _share(self, provider: Provider, api_id: str, key: str) -> Share | None:
        # What runs inside this process is no other's.
        if self._shared is None or provider.in_process:
            return None
        return self._shared.share(limit_name(provider.shown_url, api_id, key))
