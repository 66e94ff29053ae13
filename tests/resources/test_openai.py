"""OpenAI's client in this house: recorded answers, refusals, retries, and every exception that it has."""

import inspect
import json
from pathlib import Path

import httpx2
import openai
import pytest
import yaml
from language_vendors import KEY, PATHS, PROMPT, chat, model_at, ollama, responses
from vendor_server import Reply, VendorServer

from learnfinance_dagster.errors import ConfigurationError, DataError, LearnFinanceError, RefusedError, TransientError
from learnfinance_dagster.parameters import LanguageParameters
from resources.language.door import LanguageModelDoor
from resources.language.openai import OpenAIModel
from resources.language.openai_errors import asked, translated

RECORDED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "api" / "openai_cassettes"
CUT = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
REFUSAL = {"type": "refusal", "refusal": "I cannot help with that."}


@pytest.fixture
def vendor():
    with VendorServer() as server:
        yield server


def answered(vendor, kind, *replies):
    vendor.answers(PATHS[kind], *replies)
    return model_at(vendor, kind).complete(PROMPT)


@pytest.mark.parametrize(
    ("kind", "reply", "why"),
    [
        ("chat", chat(finish="length"), "limit of tokens"),
        ("chat", chat(finish="content_filter"), "content"),
        ("chat", chat(finish="tool_calls", text=None), "no known reason"),
        ("chat", chat(text=None, refusal="I cannot."), "declined"),
        ("responses", responses(content=REFUSAL), "declined"),
        ("responses", responses(**CUT), "limit of tokens"),
        ("responses", responses(status="failed"), "no known reason"),
        ("responses", responses(output=[]), "without any text"),
        ("ollama", ollama(done_reason="length"), "broke"),
        ("ollama", ollama(done=False), "broke"),
    ],
)
def test_an_answer_that_was_declined_or_broken_off_is_no_answer(vendor, kind, reply, why):
    with pytest.raises(DataError, match=why):
        answered(vendor, kind, reply)


@pytest.mark.parametrize("kind", ["chat", "responses"])
def test_a_busy_vendor_is_asked_once_more_and_not_for_ever(vendor, kind):
    good = {"chat": chat, "responses": responses}[kind]()
    assert json.loads(answered(vendor, kind, Reply({}, status=503), good).text) == {"a": "b"}
    vendor.seen.clear()
    with pytest.raises(TransientError, match="503"):
        answered(vendor, kind, Reply({}, status=503))
    assert len(vendor.seen) == 2


def test_who_asks_to_wait_longer_than_there_is_time_is_not_asked_again(vendor):
    with pytest.raises(TransientError, match="429"):
        answered(vendor, "chat", Reply({}, status=429, headers={"Retry-After": "600"}))
    assert len(vendor.seen) == 1


def test_an_account_without_credit_is_for_a_person_to_mend(vendor):
    body = {"error": {"code": "insufficient_quota", "message": "You exceeded your quota", "type": "x"}}
    with pytest.raises(ConfigurationError, match="credit"):
        answered(vendor, "chat", Reply(body, status=429))
    assert len(vendor.seen) == 1


def test_a_redirect_is_not_followed_with_the_key(vendor):
    with VendorServer() as thief:
        vendor.answers(PATHS["chat"], Reply(status=307, headers={"Location": f"{thief.url}/v1/chat/completions"}))
        with pytest.raises(LearnFinanceError):
            model_at(vendor, "chat").complete(PROMPT)
        assert thief.seen == []


def test_the_environment_redirects_nothing(vendor, monkeypatch):
    for name in ("OPENAI_BASE_URL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert answered(vendor, "chat", chat()).text
    assert answered(vendor, "responses", responses()).text
    assert answered(vendor, "ollama", ollama()).text


def recorded(name):
    file = RECORDED / name
    if not file.is_file():
        pytest.skip("no recorded answers beside the repository (../shared/data/api)")
    return [each["response"] for each in yaml.safe_load(file.read_text(encoding="utf-8"))["interactions"]]


def test_recorded_chat_answers_are_read(vendor):
    called, told = recorded("test_openai_test_openai_native_output.yaml")
    answer = answered(vendor, "chat", Reply(told["parsed_body"]))
    assert isinstance(json.loads(answer.text), dict)
    assert answer.input_tokens > 0
    with pytest.raises(DataError):
        answered(vendor, "chat", Reply(called["parsed_body"]))


def test_recorded_answers_of_the_responses_interface_are_read(vendor):
    told = recorded("test_openai_test_openai_responses_native_output_decimal_strict.yaml")[-1]
    answer = answered(vendor, "responses", Reply(told["parsed_body"]))
    assert isinstance(json.loads(answer.text), dict)
    assert answer.output_tokens > 0
    plain = recorded("test_openai_responses_test_openai_responses_model_simple_response.yaml")[0]
    with pytest.raises(DataError, match="not JSON"):
        answered(vendor, "responses", Reply(plain["parsed_body"]))


def test_a_recorded_refusal_names_its_code_and_not_its_words(vendor):
    (refused,) = recorded("test_openai_responses_test_openai_responses_model_http_error.yaml")
    with pytest.raises(RefusedError, match=r"OpenAI answered 400 \(decimal_below_min_value\)$"):
        answered(vendor, "responses", Reply(refused["parsed_body"], status=refused["status"]["code"]))


def errors_of_the_client():
    request = httpx2.Request("POST", "https://api.openai.com/v1/responses", headers={"authorization": f"Bearer {KEY}"})
    kinds = {**vars(openai._exceptions), **{n: getattr(openai, n) for n in openai.__all__}}
    for name, kind in sorted(kinds.items()):
        if not (inspect.isclass(kind) and issubclass(kind, Exception)) or not name.endswith("Error"):
            continue
        if issubclass(kind, openai.APIStatusError):
            status = getattr(kind, "status_code", None)
            answer = httpx2.Response(status if isinstance(status, int) else 500, request=request)
            error = kind.__new__(kind)
            openai.APIStatusError.__init__(error, f"words {KEY}", response=answer, body={"code": f"x{KEY}"})
            yield error
        else:
            error = kind.__new__(kind)
            error.args = (f"words {KEY}",)
            yield error
    for kind in vars(httpx2).values():
        if inspect.isclass(kind) and issubclass(kind, httpx2.RequestError):
            yield kind(KEY)


EXPECTED = {
    "AuthenticationError": ConfigurationError,
    "OAuthError": ConfigurationError,
    "PermissionDeniedError": ConfigurationError,
    "NotFoundError": ConfigurationError,
    "OpenAIError": ConfigurationError,
    "InvalidWebhookSignatureError": ConfigurationError,
    "WebSocketConnectionClosedError": ConfigurationError,
    "WebSocketQueueFullError": ConfigurationError,
    "_AmbiguousModuleClientUsageError": ConfigurationError,
    "SubjectTokenProviderError": ConfigurationError,
    "BadRequestError": RefusedError,
    "UnprocessableEntityError": RefusedError,
    "APIError": DataError,
    "APIResponseValidationError": DataError,
    "LengthFinishReasonError": DataError,
    "ContentFilterFinishReasonError": DataError,
}


@pytest.mark.parametrize("error", list(errors_of_the_client()), ids=lambda error: type(error).__name__)
def test_every_error_of_the_client_is_one_of_ours(error):
    with pytest.raises(LearnFinanceError) as raised:
        asked("OpenAI", _raising(error))
    assert type(translated(error, "OpenAI")) is type(raised.value)
    expected = EXPECTED.get(type(error).__name__, TransientError)
    assert isinstance(raised.value, expected)
    assert KEY not in repr(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


def _raising(error):
    def question():
        raise error

    return question


def test_an_address_that_is_none_is_for_a_person_to_mend():
    with pytest.raises(LearnFinanceError):
        OpenAIModel(KEY, "m", base_url="not an address", seconds=1.0).complete(PROMPT)


def test_the_door_opens_what_settings_name(monkeypatch):
    for name in ("OPENAI_API_KEY", "COMPATIBLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    template = LanguageModelDoor(LanguageParameters())
    assert (template.name, template.open()) == ("template", None)
    chosen = LanguageModelDoor(LanguageParameters(adapter="openai"))
    assert chosen.name == "openai gpt-4o-mini"
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        chosen.open()
    assert LanguageModelDoor(LanguageParameters(adapter="ollama")).open()


def test_the_key_of_openai_is_not_sent_to_a_compatible_address(vendor, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("COMPATIBLE_API_KEY", raising=False)
    vendor.answers(PATHS["chat"], chat())
    told = LanguageParameters(adapter="compatible", base_url=f"{vendor.url}/v1", model="qwen", api="chat")
    LanguageModelDoor(told).open().complete(PROMPT)
    assert KEY not in str(vendor.seen)
    monkeypatch.setenv("COMPATIBLE_API_KEY", "another-key")
    LanguageModelDoor(told).open().complete(PROMPT)
    assert vendor.seen[-1].headers["authorization"] == "Bearer another-key"
