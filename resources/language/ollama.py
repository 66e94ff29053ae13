"""Ollama on this machine or another, over plain HTTP."""

import time
from collections.abc import Callable
from typing import Any

from learnfinance_dagster.errors import ConfigurationError, DataError, RefusedError, TransientError
from learnfinance_dagster.ports import Completion, Prompt
from resources.http import PatientSession
from resources.language.answers import at, envelope, object_text, tokens

ADDRESS = "http://localhost:11434"
WHO = "Ollama"
CONNECT = 5.0


class OllamaModel:
    """A model that Ollama serves; its words are free, and slow without a GPU."""

    def __init__(
        self,
        model: str,
        *,
        base_url: str = ADDRESS,
        seconds: float = 300.0,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is asked yet.

        Args:
            model: which, as `ollama list` shows it.
            base_url: where.
            seconds: for an answer.
            sleep: waits; for tests.
            clock: monotonic seconds; for tests.
        """
        self._model, self._url = model, base_url.rstrip("/")
        self._session = PatientSession(
            timeout=(min(CONNECT, seconds), seconds), whole=seconds, attempts=1, sleep=sleep, clock=clock
        )
        self._session.trust_env = False

    def complete(self, prompt: Prompt) -> Completion:
        """See `ports.LanguageModel`."""
        question = {
            "model": self._model,
            "messages": [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}],
            "format": prompt.schema,
            "stream": False,
            "options": {"num_predict": prompt.max_tokens},
        }
        found = envelope(self._asked(question), WHO)
        if found.get("done") is not True or found.get("done_reason", "stop") != "stop":
            msg = f"{WHO} broke its answer off"
            raise DataError(msg)
        named = found.get("model")
        return Completion(
            text=object_text(at(found, "message", "content"), WHO),
            model=named if isinstance(named, str) else self._model,
            input_tokens=tokens(found.get("prompt_eval_count")),
            output_tokens=tokens(found.get("eval_count")),
        )

    def _asked(self, question: Any) -> str:
        try:
            return self._session.post(f"{self._url}/api/chat", json=question).text
        except (TransientError, ConfigurationError, RefusedError) as error:
            msg = f"{WHO} at {error}"
            raise type(error)(msg) from None
