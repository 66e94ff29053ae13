"""An end to answers that drip: a client's time-out counts from one piece to the next, and so never ends them."""

from collections.abc import Callable, Iterator

import httpx2


class DeadlineTransport(httpx2.BaseTransport):
    """Sends as usual, and gives up an answer that is not whole in time."""

    def __init__(self, inner: httpx2.BaseTransport, seconds: Callable[[], float], clock: Callable[[], float]) -> None:
        """Send through `inner`; `seconds` says how long an answer may take from now, `clock` what time it is."""
        self._inner, self._seconds, self._clock = inner, seconds, clock

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """See `httpx2.BaseTransport`."""
        end = self._clock() + self._seconds()
        answer = self._inner.handle_request(request)
        return httpx2.Response(
            answer.status_code,
            headers=answer.headers,
            stream=_InTime(answer.stream, end, self._clock),  # type: ignore[arg-type]
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """See `httpx2.BaseTransport`."""
        self._inner.close()


class _InTime(httpx2.SyncByteStream):
    def __init__(self, inner: httpx2.SyncByteStream, end: float, clock: Callable[[], float]) -> None:
        self._inner, self._end, self._clock = inner, end, clock

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._inner:
            yield piece
            if self._clock() > self._end:
                msg = "the answer drips"
                raise httpx2.ReadTimeout(msg)

    def close(self) -> None:
        self._inner.close()
