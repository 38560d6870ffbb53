"""Which limits hold where? One limiter per model and one breaker per provider, for a process."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

from llms.breaker import Breaker
from llms.limit_share import Share
from llms.limiter import Limiter, Permit
from llms.rates import WINDOW_S

__all__ = ["WINDOW_S", "Limiter", "Limiters", "Permit"]


class Limiters:
    """The limiters and breakers of a process, shared by all its shards and event loops.

    Args:
        clock: Seconds that only ever grow.
        sleep: Waits some seconds.
        share: Gives the process's share of a limit, by the name of what is limited, where other
            processes may use it as well.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        share: Callable[[str], Share] | None = None,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._share = share
        self._limiters: dict[tuple[str, str], Limiter] = {}
        self._breakers: dict[str, Breaker] = {}
        self._lock = threading.Lock()

    def limiter(
        self,
        provider: str,
        api_id: str,
        *,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        input_tokens_per_minute: int | None = None,
        output_tokens_per_minute: int | None = None,
        in_flight: int | None = None,
        is_shared: bool = True,
    ) -> Limiter:
        """The limiter of a model at a provider; what is said counts when it is first asked for.

        Args:
            provider: Name of the provider.
            api_id: Name of the model in its requests.
            requests_per_minute: Limit, null where only the provider knows.
            tokens_per_minute: The same, input and output together.
            input_tokens_per_minute: The same.
            output_tokens_per_minute: The same.
            in_flight: Requests that may wait for an answer at once.
            is_shared: Other processes may call it as well; not true of rules in this process.
        """
        with self._lock:
            key = (provider, api_id)
            if key not in self._limiters:
                share = self._share if is_shared else None
                self._limiters[key] = Limiter(
                    requests_per_minute=requests_per_minute,
                    tokens_per_minute=tokens_per_minute,
                    input_tokens_per_minute=input_tokens_per_minute,
                    output_tokens_per_minute=output_tokens_per_minute,
                    in_flight=in_flight,
                    clock=self._clock,
                    sleep=self._sleep,
                    share=share(f"{provider} {api_id}") if share else None,
                )
            return self._limiters[key]

    def breaker(self, provider: str) -> Breaker:
        """The breaker of a provider."""
        with self._lock:
            if provider not in self._breakers:
                self._breakers[provider] = Breaker(clock=self._clock)
            return self._breakers[provider]
