"""What every language model must do, whoever serves it."""

import json

import pytest
from language_vendors import KEY, MODEL, PATHS, PROMPT, SHAPES, ScriptedModel, model_at
from vendor_server import Reply, VendorServer

from learnfinance_dagster.errors import ConfigurationError, DataError, RefusedError, TransientError

KINDS = ("responses", "chat", "ollama")


@pytest.fixture
def vendor():
    with VendorServer() as server:
        yield server


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def ask(vendor, kind):
    """Ask while the vendor answers with these in turn."""

    def asking(*replies, seconds=5.0):
        vendor.answers(PATHS[kind], *replies)
        return model_at(vendor, kind, seconds).complete(PROMPT)

    return asking


def test_an_answer_is_its_text_with_its_tokens(ask, kind):
    answer = ask(SHAPES[kind]('{"a": "wörds"}'))
    assert (json.loads(answer.text), answer.model) == ({"a": "wörds"}, MODEL)
    assert (answer.input_tokens, answer.output_tokens) == (286, 12)


def test_the_scripted_twin_answers_alike():
    answer = ScriptedModel({"a": "b"}).complete(PROMPT)
    assert json.loads(answer.text) == {"a": "b"}
    assert answer.input_tokens > 0
    with pytest.raises(TransientError):
        ScriptedModel(TransientError("busy")).complete(PROMPT)


def test_the_question_carries_prompt_schema_and_limit(ask, vendor, kind):
    ask(SHAPES[kind]())
    (seen,) = vendor.seen
    body = json.loads(seen.body)
    told = json.dumps(body)
    assert PROMPT.system in told
    assert PROMPT.user in told
    assert json.dumps(PROMPT.schema["properties"]) in told
    assert "500" in told


def test_the_key_goes_into_the_header_and_nowhere_else(ask, vendor, kind):
    ask(SHAPES[kind]())
    (seen,) = vendor.seen
    expected = None if kind == "ollama" else f"Bearer {KEY}"
    assert seen.headers.get("authorization") == expected
    assert KEY.encode() not in seen.body


@pytest.mark.parametrize("text", ["", "  ", "hello", "[1]", '"a"', "{", "null", '```json\n{"a": "b"}\n```', "[" * 5000])
def test_text_that_is_no_json_object_is_wrong_data(ask, kind, text):
    with pytest.raises(DataError):
        ask(SHAPES[kind](text))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"7", b"null", b'{"choices": 3}', b"{}", b'{"output": "x"}'])
def test_an_envelope_of_another_shape_is_an_error_of_ours(ask, body):
    with pytest.raises((DataError, TransientError)):
        ask(Reply(body))


@pytest.mark.parametrize(
    ("status", "kind_of_error"),
    [
        (400, RefusedError),
        (422, RefusedError),
        (401, ConfigurationError),
        (403, ConfigurationError),
        (429, TransientError),
        (500, TransientError),
        (502, TransientError),
        (503, TransientError),
        (504, TransientError),
    ],
)
def test_every_status_has_its_meaning(ask, kind, status, kind_of_error):
    echo = KEY if kind != "ollama" else "none"  # Ollama gets no key that it could repeat
    with pytest.raises(kind_of_error) as raised:
        ask(Reply({"error": {"message": f"bad key {echo}", "code": "some_code", "type": "x"}}, status=status))
    assert str(status) in str(raised.value)
    assert KEY not in _told(raised.value)


def test_silence_ends_in_time(ask, kind):
    with pytest.raises(TransientError):
        ask(Reply(SHAPES[kind]().body, delay=2.0), seconds=0.3)


def test_an_answer_that_drips_ends_in_time(ask, kind):
    with pytest.raises(TransientError):
        ask(Reply(SHAPES[kind]().body, drip=0.05), seconds=0.4)


def test_a_connection_that_breaks_is_transient(ask):
    with pytest.raises(TransientError):
        ask(Reply(reset=True))


def test_nobody_there_is_transient(kind):
    with VendorServer() as gone:
        pass
    with pytest.raises(TransientError):
        model_at(gone, kind, 1.0).complete(PROMPT)


def _told(error):
    """All that a traceback of it could show."""
    told = ""
    while error is not None:
        told += f"{error!r} {vars(error)}"
        error = error.__cause__ or error.__context__
    return told
