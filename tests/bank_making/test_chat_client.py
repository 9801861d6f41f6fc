"""The client of an OpenAI-compatible server, with a stand-in on real sockets: retries, errors, key never shown."""

import threading
import time

import pytest
from stand_in_server import MODEL, Raw, closed_port, running

from cefr_helpers.bank_making import chat_client
from cefr_helpers.bank_making.chat_client import ChatClient, Reply, Unavailable
from cefr_helpers.core.errors import InputError

PLANTED = "sk-PlantedForThisTestAndFoundNowhere42"
WELL = "1. She ate a red apple."


class Script:
    """Answers that come one after the other; the last one is repeated."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def __call__(self, prompt):
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def ask(url: str, key=None, timeout_s=20.0, said=None) -> Reply:
    said = [] if said is None else said
    return ChatClient(url, key, timeout_s, first_wait_s=0.01, say=said.append).ask(MODEL, "Please write.", 0.8, 77)


def test_a_good_answer_comes_with_its_tokens_and_was_asked_for_once():
    with running(Script(WELL)) as server:
        assert ask(server.url, PLANTED) == Reply(WELL, 100, 40)
        [asked] = server.asked
    assert asked["authorization"] == f"Bearer {PLANTED}"
    assert (asked["model"], asked["prompt"], asked["temperature"], asked["max_tokens"]) == (
        MODEL,
        "Please write.",
        0.8,
        77,
    )


def test_without_a_key_none_is_sent_and_without_usage_no_tokens_are_told():
    with running(Script(Raw(body={"choices": [{"message": {"content": None}}]}))) as server:
        assert ask(server.url) == Reply("", None, None)
        assert server.asked[0]["authorization"] is None


def test_what_the_environment_keeps_for_another_server_and_what_this_machine_is_are_not_sent(monkeypatch):
    kept = dict.fromkeys(("API_KEY", "ADMIN_KEY", "ORG_ID", "PROJECT_ID"), "elsewhere")
    kept |= {"BASE_URL": "http://elsewhere", "CUSTOM_HEADERS": "Authorization: Bearer elsewhere\nX-Gate: elsewhere"}
    for name, value in kept.items():
        monkeypatch.setenv(f"OPENAI_{name}", value)
    with running(Script(WELL)) as server:
        for key, sent in ((PLANTED, f"Bearer {PLANTED}"), (None, None)):
            ask(server.url, key)
            headers = {name.lower(): value for name, value in server.asked[-1]["headers"].items()}
            assert headers.pop("authorization", None) == sent
            assert "elsewhere" not in str(headers) and "Linux" not in str(headers)
            assert not [name for name in headers if name.startswith("x-")]


@pytest.mark.parametrize(
    "message",
    [
        {"content": "", "reasoning": "The user wants"},
        {"content": None, "reasoning_content": "The user wants"},
        {"content": "1. She ate"},
    ],
)
def test_an_answer_that_was_cut_at_the_limit_says_so_and_its_reasoning_is_no_part_of_it(message):
    body = {"choices": [{"message": message, "finish_reason": "length"}], "usage": {"completion_tokens": 77}}
    with running(Script(Raw(body=body))) as server:
        assert ask(server.url) == Reply(message["content"] or "", None, 77, cut=True)


NEVER = threading.Event()
HTML = {"content-type": "text/html"}
PASSING = {
    "too many": (Raw(429, {"error": {"message": "slow down"}}, {"retry-after": "0"}), "HTTP 429: 'slow down'"),
    "broken": (Raw(500, b"oops"), "HTTP 500: 'oops'"),
    "loading": (Raw(503, {"error": {"code": 503, "message": "Loading model"}}), "HTTP 503: 'Loading model'"),
    "garbage": (Raw(200, b'{"choices": [{"mess'), "not a JSON object"),
    "another JSON": (Raw(200, b"[1, 2]"), "not a JSON object"),
    "nested": (Raw(200, b"[" * 100_000), "not a JSON object"),
    "a page": (Raw(200, b"<html>Sign in</html>", HTML), "not a JSON object"),
    "a list as a page": (Raw(200, b"[1, 2]", HTML), "not a JSON object"),
    "nothing": (Raw(200, b"null"), "not a JSON object"),
    "not UTF-8": (Raw(200, b'{"choices": "\xe9"}'), "not a JSON object"),
    "an error in 200": (
        Raw(200, {"error": {"message": "slow down", "code": 429}}),
        "in place of an answer: 'slow down'",
    ),
    "an error that is a text": (Raw(200, {"error": "overloaded"}), "in place of an answer: 'overloaded'"),
    "an error of another form": (Raw(200, {"error": {"code": "x", "message": None}}), "in place of an answer: "),
    "an error in a choice": (
        Raw(200, {"choices": [{"message": {"content": ""}, "error": {"message": "lost", "code": 502}}]}),
        "in place of an answer: 'lost'",
    ),
    "no choice": (Raw(200, {"choices": []}), "another form"),
    "no choices": (Raw(200, {"choices": 3}), "another form"),
    "odd choice": (Raw(200, {"choices": [{"message": "text"}]}), "another form"),
    "dropped": (Raw(drop=True), "the connection broke"),
    "slow": (Raw(wait=NEVER), "no answer in time"),
}


@pytest.mark.parametrize("kind", PASSING)
def test_what_passes_is_tried_again(kind):
    trouble, told = PASSING[kind]
    said = []
    with running(Script(trouble, trouble, WELL)) as server:
        assert ask(server.url, timeout_s=0.3 if kind == "slow" else 20, said=said).text == WELL
        assert len(server.asked) == 3
        NEVER.set()  # lets the slow ones go, so that the server can end
    NEVER.clear()
    assert len(said) == 2 and told in said[0] and "trying again in" in said[0]


def test_what_does_not_pass_ends_after_seven_attempts():
    with running(Script(Raw(500, b"oops"))) as server:
        with pytest.raises(Unavailable, match="/v1/chat/completions: HTTP 500: 'oops'; tried 7 times"):
            ask(server.url)
        assert len(server.asked) == 7


def test_the_server_says_how_long_to_wait():
    with running(Script(Raw(429, b"", {"retry-after": "1"}), WELL)) as server:
        started = time.monotonic()
        ask(server.url)
        assert time.monotonic() - started >= 1
    with running(Script(Raw(429, b"", {"retry-after": "3600"}))) as server:
        with pytest.raises(Unavailable, match="a pause of 1:00:00"):
            ask(server.url)
        assert len(server.asked) == 1


@pytest.mark.parametrize("after", ["inf", "nan", "-5", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", ""])
def test_an_odd_time_to_wait_does_no_harm(after):
    with running(Script(Raw(503, b"", {"retry-after": after}), WELL)) as server:
        assert ask(server.url).text == WELL


@pytest.mark.parametrize(
    ("raw", "key", "told"),
    [
        (Raw(401, {"error": "no key"}), None, "HTTP 401: 'no key'.*put a key into the environment as BANK_API_KEY"),
        (Raw(401, {"error": {"message": "bad key"}}), PLANTED, "HTTP 401: 'bad key'.*check BANK_API_KEY"),
        (Raw(403, b""), PLANTED, "HTTP 403.*check BANK_API_KEY"),
        (Raw(404, b"what?"), None, "/v1/chat/completions: not found .*SERVER usually ends in /v1, and MODEL"),
        (Raw(402, b""), PLANTED, "no credit left"),
        (Raw(429, {"error": {"code": "insufficient_quota", "message": "pay"}}), PLANTED, "no credit left .*'pay'"),
        (
            Raw(200, {"error": {"code": 402, "message": "pay"}}),
            PLANTED,
            "no credit left .*in place of an answer: 'pay'",
        ),
        (Raw(200, {"error": {"code": 401, "message": "who?"}}), PLANTED, "in place of an answer: 'who.'.; check BANK"),
        (Raw(400, {"error": {"message": "too long"}}), None, "refused .HTTP 400: 'too long'"),
        (Raw(301, b"", {"location": "https://there/v1"}), PLANTED, "redirects to 'https://there/v1'"),
    ],
)
def test_what_does_not_pass_is_told_at_once_with_the_address(raw, key, told):
    with running(Script(raw)) as server:
        with pytest.raises(InputError, match=told) as error:
            ask(server.url, key)
        assert str(error.value).startswith(server.url) and len(server.asked) == 1


def test_a_model_that_takes_other_settings_gets_them():
    def answer(prompt):
        asked = server.asked[-1]
        if "max_tokens" in asked:
            return Raw(400, {"error": {"message": "Unsupported: 'max_tokens'. Use 'max_completion_tokens' instead."}})
        if "temperature" in asked:
            return Raw(400, {"error": {"message": "Unsupported value: 'temperature'"}})
        return WELL

    with running(answer) as server:
        client = ChatClient(server.url, first_wait_s=0.01, say=lambda _: None)
        assert client.ask(MODEL, "Please write.", 0.8, 77).text == WELL
        assert server.asked[-1]["max_completion_tokens"] == 77 and len(server.asked) == 3
        client.ask(MODEL, "And again.", 0.8, 77)
        assert len(server.asked) == 4


def test_where_nobody_answers_the_address_and_what_to_do_are_told_at_once():
    url = f"http://127.0.0.1:{closed_port()}/v1"
    with pytest.raises(InputError, match="nobody answers there .*start the server, or give its address as SERVER") as e:
        ask(url)
    assert str(e.value).startswith(url)


def test_a_server_that_goes_away_later_is_waited_for():
    said = []
    with running(Script(WELL)) as server:
        client = ChatClient(server.url, first_wait_s=0.001, say=said.append)
        client.choose_model(None)
    with pytest.raises(Unavailable, match="tried 7 times"):
        client.ask(MODEL, "Please write.", 0.8, 77)
    assert len(said) == 6


@pytest.mark.parametrize(
    "raw",
    [
        Raw(401, {"error": {"message": f"Incorrect API key provided: {PLANTED}"}}),
        Raw(400, f"<html>{PLANTED}</html>".encode()),
        Raw(404, {"error": PLANTED}),
        Raw(500, PLANTED.encode()),
        Raw(302, b"", {"location": f"https://there/?key={PLANTED}"}),
        Raw(200, {"error": {"message": PLANTED, "code": 400}}),
    ],
    ids=lambda raw: str(raw.status),
)
def test_a_server_that_repeats_the_key_does_not_get_it_shown(raw):
    said = []
    with running(Script(raw)) as server, pytest.raises((InputError, Unavailable)) as error:
        ask(server.url, PLANTED, said=said)
    assert "[key]" in str(error.value) and PLANTED not in f"{error.value}{said}{error.value.__context__}"


def test_an_answer_that_repeats_the_key_comes_without_it_and_can_be_written():
    with running(Script(f"1. The key is {PLANTED}.")) as server:
        assert ask(server.url, PLANTED).text == "1. The key is [key]."
    half = Raw(200, b'{"choices": [{"message": {"content": "Half \\ud83d a face."}}]}')
    with running(Script(half)) as server:
        assert ask(server.url).text == "Half ? a face."


# Which model


def test_the_only_model_is_taken_and_the_server_says_what_it_is():
    with running(Script(WELL)) as server:
        assert ChatClient(server.url).choose_model(None) == (MODEL, "llama.cpp")
        assert ChatClient(server.url).choose_model("mine") == ("mine", "llama.cpp")
        server.models = [{"id": MODEL, "owned_by": "library"}]
        assert ChatClient(server.url).choose_model(None)[1] == "Ollama"
        server.models = [{"id": MODEL}]
        assert ChatClient(server.url).choose_model(None)[1] == "other"


@pytest.mark.parametrize(
    ("models", "told"),
    [
        ([{"id": "a"}, {"id": "b\x1b[2J"}], r"models there: 'a', 'b\\x1b\[2J'; name one as MODEL"),
        ([], "models there: none; name one"),
        ([3, {"id": 4}], "models there: none; name one"),
        (Raw(200, {"data": 3}), "models there: none; name one"),
        (Raw(200, {"models": []}), "models there: none; name one"),
        (Raw(404, b""), "/v1/models: not found"),
        (Raw(401, b""), "put a key into the environment as BANK_API_KEY"),
    ],
)
def test_where_no_model_is_named_there_has_to_be_one(models, told):
    with running(Script(WELL)) as server:
        server.models = models
        with pytest.raises(InputError, match=told):
            ChatClient(server.url).choose_model(None)


def test_a_server_without_a_list_is_fine_if_the_model_is_named():
    with running(Script(WELL)) as server:
        server.models = Raw(404, b"")
        assert ChatClient(server.url).choose_model("mine") == ("mine", "other")


# Address and key


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1"),
        (" https://api.there.com/v1/ ", "https://api.there.com/v1"),
        ("https://there/api/v3/chat/completions", "https://there/api/v3"),
        ("http://[::1]:5000/v1", "http://[::1]:5000/v1"),
    ],
)
def test_addresses_are_understood(given, url):
    assert chat_client.address(given) == url


@pytest.mark.parametrize(
    "given", ["", "there", "there:8080", "ftp://there", "http://", "http://there:port", "http://[::1", "http://a\x00b"]
)
def test_what_is_no_address_is_refused(given):
    with pytest.raises(InputError, match="expected an address such as http://127.0.0.1:8080/v1"):
        chat_client.address(given)


@pytest.mark.parametrize("given", [f"https://me:{PLANTED}@there/v1", f"https://there?key={PLANTED}", f"a@{PLANTED}"])
def test_an_address_with_a_key_in_it_is_refused_and_not_shown(given):
    with pytest.raises(InputError, match="the key in BANK_API_KEY") as error:
        chat_client.address(given)
    assert PLANTED not in str(error.value)


@pytest.mark.parametrize(
    ("url", "key", "expected"),
    [
        ("https://there/v1", f" {PLANTED}\n", PLANTED),
        ("http://127.0.0.1:8080/v1", PLANTED, PLANTED),
        ("http://localhost:8080/v1", PLANTED, PLANTED),
        ("http://[::1]:8080/v1", PLANTED, PLANTED),
        ("http://there/v1", "", None),
        ("https://there/v1", " ", None),
    ],
)
def test_the_key_comes_out_of_the_environment(monkeypatch, url, key, expected):
    monkeypatch.setenv("BANK_API_KEY", key)
    assert chat_client.key_for(url) == expected


@pytest.mark.parametrize(
    ("url", "key", "told"),
    [
        ("http://there/v1", PLANTED, "http://there/v1 is not encrypted"),
        ("http://127.0.0.1.there/v1", PLANTED, "is not encrypted"),
        ("https://there/v1", f"{PLANTED} two", "contains characters that no API key contains"),
        ("https://there/v1", f"{PLANTED}é", "contains characters that no API key contains"),
    ],
)
def test_a_key_that_cannot_be_sent_safely_is_refused_and_not_shown(monkeypatch, url, key, told):
    monkeypatch.setenv("BANK_API_KEY", key)
    with pytest.raises(InputError, match=told) as error:
        chat_client.key_for(url)
    assert PLANTED not in str(error.value)
