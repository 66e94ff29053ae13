"""Language models of this machine: in the shapes of OpenAI's two interfaces and of Ollama, and a scripted one."""

import json
from dataclasses import dataclass, field

from vendor_server import Reply

from learnfinance_dagster.ports import Completion, Prompt
from resources.language.ollama import OllamaModel
from resources.language.openai import OpenAIModel

KEY = "sk-canary-language-4711"
MODEL = "gpt-4o-mini-2024-07-18"
PROMPT = Prompt("You write JSON.", "Say hello.", {"type": "object", "properties": {"a": {"type": "string"}}}, 500)


def responses(text='{"a": "b"}', status="completed", content=None, **changes):
    """As `POST /v1/responses` answers."""
    part = {"type": "output_text", "text": text, "annotations": []}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": status, "content": [content or part]}
    body = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_746_142_582,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "model": MODEL,
        "output": [{"type": "reasoning", "id": "rs_1", "summary": []}, message],
        "usage": {"input_tokens": 286, "output_tokens": 12, "total_tokens": 298},
    }
    return Reply(body | changes)


def chat(text='{"a": "b"}', finish="stop", refusal=None, **changes):
    """As `POST /v1/chat/completions` answers."""
    message = {"role": "assistant", "content": text, "refusal": refusal, "annotations": []}
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_746_142_582,
        "model": MODEL,
        "choices": [{"index": 0, "finish_reason": finish, "logprobs": None, "message": message}],
        "usage": {"prompt_tokens": 286, "completion_tokens": 12, "total_tokens": 298},
    }
    return Reply(body | changes)


def ollama(text='{"a": "b"}', **changes):
    """As `POST /api/chat` answers without streaming."""
    body = {
        "model": MODEL,
        "created_at": "2025-12-29T12:00:00Z",
        "message": {"role": "assistant", "content": text},
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 286,
        "eval_count": 12,
    }
    return Reply(body | changes)


PATHS = {"responses": "/v1/responses", "chat": "/v1/chat/completions", "ollama": "/api/chat"}
SHAPES = {"responses": responses, "chat": chat, "ollama": ollama}


def model_at(vendor, kind, seconds=5.0):
    """The adapter of that kind, asking this vendor; it waits for nothing."""
    if kind == "ollama":
        return OllamaModel("llama3.2", base_url=vendor.url, seconds=seconds, sleep=lambda _seconds: None)
    where = {"base_url": f"{vendor.url}/v1", "api": kind, "seconds": seconds}
    return OpenAIModel(KEY, "gpt-4o-mini", **where, sleep=lambda _seconds: None)


@dataclass
class ScriptedModel:
    """Answers with what it was given, or with what a function makes of the question."""

    answer: object
    asked: list[Prompt] = field(default_factory=list)

    def complete(self, prompt):
        self.asked.append(prompt)
        answer = self.answer(prompt) if callable(self.answer) else self.answer
        if isinstance(answer, Exception):
            raise answer
        return Completion(answer if isinstance(answer, str) else json.dumps(answer), "scripted", 286, 12)


@dataclass
class ScriptedDoor:
    """Opens it."""

    behind: ScriptedModel
    name: str = "scripted one"

    def open(self):
        return self.behind
