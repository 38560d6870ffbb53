"""How is a request sent in the flex lane? The same request, marked, with more patience."""

from llms.budget import Reservation
from llms.classification import Failure, classify_response
from llms.failures import FailureClass
from llms.sdk import Endpoint, RawResponse

_NO_ROOM = "resource_unavailable"


class FlexEndpoint:
    """The flex lane of one provider; takes the place of `llms.sdk.Endpoint`.

    A request that the lane has no room for, or that its model does not take, comes back with a
    failure that is `is_unexecuted`: it costs nothing and may be sent in the standard lane.

    Args:
        endpoint: The provider, with the time-out of the lane; closed with this.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.secrets = endpoint.secrets
        self._endpoint = endpoint

    async def post(
        self, body: bytes, api_id: str, _reservation: Reservation | None = None
    ) -> RawResponse | Failure:
        """Send the body of a chat completion, as `Endpoint.post` does."""
        # The body is a JSON object: the mark goes in before its last brace.
        raw = await self._endpoint.post(body[:-1] + b',"service_tier":"flex"}', api_id)
        if not isinstance(raw, RawResponse) or raw.status < 400:
            return raw
        failure = classify_response(raw.status, raw.headers, raw.content, secrets=self.secrets)
        if raw.status == 429 and _NO_ROOM.encode() in raw.content:
            return Failure(
                FailureClass.RATE_LIMITED, failure.message, raw.status, is_unexecuted=True
            )
        if failure.failure_class is FailureClass.BAD_REQUEST and b"service_tier" in raw.content:
            return Failure(FailureClass.BAD_REQUEST, failure.message, 400, is_unexecuted=True)
        return raw

    async def aclose(self) -> None:
        """Close the connections."""
        await self._endpoint.aclose()
