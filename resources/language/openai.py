"""OpenAI through its own client, and every address that speaks as it does."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from learnfinance_dagster.errors import DataError, TransientError
from learnfinance_dagster.ports import Completion, Prompt
from resources.http_words import hush
from resources.language.answers import Json, at, envelope, object_text, tokens
from resources.language.openai_errors import BusyError, asked

if TYPE_CHECKING:
    from openai import OpenAI

ADDRESS = "https://api.openai.com/v1"
NAME = "narration"
"""Of the schema, for the vendor."""
CONNECT = 5.0
FIRST_WAIT, TRIES = 1.0, 2
"""Seconds before the second try; an answer costs money, so there are few."""
CUT, FILTERED = ("length", "max_output_tokens"), "content_filter"


class OpenAIModel:
    """A language model behind OpenAI's `responses` or `chat` interface."""

    def __init__(  # noqa: PLR0913  where, who, what, and how long
        self,
        key: str,
        model: str,
        *,
        base_url: str = ADDRESS,
        api: str = "responses",
        who: str = "OpenAI",
        seconds: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is asked yet.

        Args:
            key: the secret.
            model: which.
            base_url: where.
            api: `responses` or `chat`.
            who: is asked, for messages.
            seconds: for an answer, all tries together.
            sleep: waits; for tests.
            clock: monotonic seconds; for tests.
        """
        self._key, self._model, self._url, self._api, self._who = key, model, base_url, api, who
        self._seconds, self._sleep, self._clock = seconds, sleep, clock
        self._end = 0.0
        hush()

    def complete(self, prompt: Prompt) -> Completion:
        """See `ports.LanguageModel`: two tries within the budget of seconds."""
        self._end = self._clock() + self._seconds
        tries = 0
        while True:
            tries += 1
            try:
                return self._once(prompt)
            except TransientError as error:
                wait = max(FIRST_WAIT, error.wait if isinstance(error, BusyError) else 0.0)
                if tries == TRIES or wait >= self._left():
                    raise
            self._sleep(wait)

    def _once(self, prompt: Prompt) -> Completion:
        client = asked(self._who, self._client)
        with client:
            question = self._chat if self._api == "chat" else self._responses
            body = asked(self._who, lambda: question(client, prompt))
        found = envelope(body, self._who)
        return self._of_chat(found) if self._api == "chat" else self._of_responses(found)

    def _client(self) -> "OpenAI":
        """A client without retries of its own, that reads no addresses or headers from the environment."""
        import httpx2
        from openai import DefaultHttpxClient, OpenAI

        from resources.language.deadline import DeadlineTransport

        transport = DeadlineTransport(httpx2.HTTPTransport(), self._left, self._clock)
        left = max(self._left(), 0.001)
        timeout = httpx2.Timeout(left, connect=min(CONNECT, left))
        http = DefaultHttpxClient(transport=transport, timeout=timeout, trust_env=False, follow_redirects=False)
        return OpenAI(api_key=self._key, base_url=self._url, max_retries=0, timeout=timeout, http_client=http)

    def _left(self) -> float:
        return self._end - self._clock()

    def _responses(self, client: "OpenAI", prompt: Prompt) -> str:
        form: Any = {"type": "json_schema", "name": NAME, "schema": prompt.schema, "strict": True}
        answer = client.responses.with_raw_response.create(
            model=self._model,
            instructions=prompt.system,
            input=prompt.user,
            text={"format": form},
            max_output_tokens=prompt.max_tokens,
            store=False,
        )
        return answer.text

    def _chat(self, client: "OpenAI", prompt: Prompt) -> str:
        form: Any = {"type": "json_schema", "json_schema": {"name": NAME, "schema": prompt.schema, "strict": True}}
        said: Any = [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
        most: Any = {"max_completion_tokens" if self._url == ADDRESS else "max_tokens": prompt.max_tokens}
        answer = client.chat.completions.with_raw_response.create(
            model=self._model, messages=said, response_format=form, **most
        )
        return answer.text

    def _of_chat(self, found: Json) -> Completion:
        choice = at(found, "choices", 0)
        self._whole(at(choice, "message", "refusal"), at(choice, "finish_reason"), "stop")
        return self._completion(
            found, at(choice, "message", "content"), at(found, "usage", "prompt_tokens"), "completion_tokens"
        )

    def _of_responses(self, found: Json) -> Completion:
        output = at(found, "output")
        messages = [each for each in output if at(each, "type") == "message"] if isinstance(output, list) else []
        parts = [part for each in messages if isinstance(at(each, "content"), list) for part in at(each, "content")]
        refusals = [at(part, "refusal") for part in parts if at(part, "type") == "refusal"]
        end = at(found, "incomplete_details", "reason") or at(found, "status")
        self._whole(refusals[0] if refusals else None, end, "completed")
        texts = [at(part, "text") for part in parts if at(part, "type") == "output_text"]
        text = "".join(text for text in texts if isinstance(text, str))
        return self._completion(found, text, at(found, "usage", "input_tokens"), "output_tokens")

    def _whole(self, refusal: object, end: object, good: str) -> None:
        """Raises DataError for an answer that was declined or broken off."""
        if refusal:
            msg = f"{self._who} declined to answer"
            raise DataError(msg)
        if end == good:
            return
        why = (
            "at the limit of tokens" if end in CUT else "for its content" if end == FILTERED else "for no known reason"
        )
        msg = f"{self._who} broke its answer off {why}"
        raise DataError(msg)

    def _completion(self, found: Json, text: object, sent: object, received: str) -> Completion:
        named = at(found, "model")
        return Completion(
            text=object_text(text, self._who),
            model=named if isinstance(named, str) else self._model,
            input_tokens=tokens(sent),
            output_tokens=tokens(at(found, "usage", received)),
        )
