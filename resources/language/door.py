"""The language model that settings name, opened when it is asked."""

from dataclasses import dataclass

from learnfinance_dagster.parameters import LanguageParameters
from learnfinance_dagster.ports import LanguageModel
from resources.credentials import needed, secret

DEFAULTS = {"openai": "gpt-4o-mini", "ollama": "llama3.2"}
NO_KEY = "none"
"""What is sent where an address asks for no key: the client insists on one."""


@dataclass(frozen=True, slots=True)
class LanguageModelDoor:
    """OpenAI's key goes to OpenAI, or where a person sent the adapter `openai`; never to a compatible address."""

    parameters: LanguageParameters

    @property
    def name(self) -> str:
        """Who writes, e.g. `openai gpt-4o-mini` or `template`; known without opening it."""
        return " ".join(filter(None, (self.parameters.adapter, self._model)))

    def open(self) -> LanguageModel | None:
        """The model; None where the template writes.

        Raises:
            ConfigurationError: its key is not set.
        """
        told = self.parameters
        if told.adapter == "template":
            return None
        if told.adapter == "ollama":
            from resources.language.ollama import ADDRESS, OllamaModel

            return OllamaModel(self._model, base_url=told.base_url or ADDRESS, seconds=told.seconds)
        from resources.language.openai import ADDRESS, OpenAIModel

        is_openai = told.adapter == "openai"
        return OpenAIModel(
            needed("OPENAI_API_KEY") if is_openai else secret("COMPATIBLE_API_KEY") or NO_KEY,
            self._model,
            base_url=told.base_url or ADDRESS,
            api=told.api,
            who="OpenAI" if is_openai else "the language model",
            seconds=told.seconds,
        )

    @property
    def _model(self) -> str:
        return self.parameters.model or DEFAULTS.get(self.parameters.adapter, "")
