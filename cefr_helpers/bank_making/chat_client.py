"""A client of an OpenAI-compatible server with one request at a time, retries, back-off and clear errors.

The key is removed from everything that the server says before it is shown.
"""

import ipaddress
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai
import tenacity

from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.core.progress import clock

_ATTEMPTS = 7
_CONNECT_S = 10.0
_LONGEST_BACK_OFF_S = 60.0
# The longest wait that a server may request; for more, the user can give the command again.
_LONGEST_WAIT_S = 300.0
_PASSING = (408, 409, 425, 429)
_SHORTEST_SECRET = 8  # a shorter key, such as a dummy for a local server, may be in a sentence by chance
_SAID = 300  # maximum characters of a server's message that are shown
# The names of servers in their list of models.
_KINDS = {"llamacpp": "llama.cpp", "library": "Ollama", "vllm": "vLLM", "openai": "OpenAI", "system": "OpenAI"}
# The only headers that are sent; others that the library or the environment would add are removed.
_HEADERS = {"host", "connection", "accept", "accept-encoding", "content-type", "content-length", "user-agent"}
KEY_VARIABLE = "BANK_API_KEY"
DEFAULT = "http://127.0.0.1:8080/v1"  # where llama.cpp's server listens by default
_EXPECTED_ADDRESS = f"expected an address such as {DEFAULT}"


class Unavailable(RuntimeError):
    """The server gave no usable answer after all attempts, or requests a long pause; the message is for users."""


class _Passing(Exception):
    """A temporary failure; `wait_s` is how long the server asks to wait, or None."""

    def __init__(self, what: str, wait_s: float | None = None):
        super().__init__(what)
        self.wait_s = wait_s


class _NotFound(InputError):
    pass


@dataclass(frozen=True)
class Reply:
    """An answer, its tokens as the server counts them (None if it does not), and whether it was cut at the limit."""

    text: str
    prompt_tokens: int | None
    completion_tokens: int | None
    cut: bool = False


class ChatClient:
    """A client of one server, with one request at a time; temporary failures are retried and reported to `say`.

    Args:
        url: from `chat_client.address`.
        key: sent with each request, and never shown in a message.
        timeout_s: the longest time to wait for any part of an answer.
        first_wait_s: seconds before the second attempt; each further wait doubles, up to a minute.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        timeout_s: float = 300.0,
        first_wait_s: float = 1.0,
        say: Callable[[str], None] = print,
    ):
        self.url = url
        self._key = key
        self._say = say
        self._answered = False
        # settings that the model knows under another name, or (None) does not know
        self._names: dict[str, str | None] = {}
        self._back_off = tenacity.wait_exponential_jitter(first_wait_s, _LONGEST_BACK_OFF_S, jitter=first_wait_s)
        self._client = openai.OpenAI(
            base_url=url,
            api_key=key or "none",  # otherwise the library uses the environment's key for OpenAI
            max_retries=0,  # it would retry when the credit is used up, and wait without a message
            timeout=openai.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s)),
            http_client=openai.DefaultHttpxClient(
                follow_redirects=False,
                trust_env=not is_local(url),  # the environment's proxies are only for other machines
                event_hooks={"request": [self._set_headers]},
            ),
        )

    def choose_model(self, model: str | None) -> tuple[str, str]:
        """Return the model to use and the kind of server, for people; this first request costs nothing.

        Raises:
            InputError: nobody answers at the address, the key is refused, or no model is named although the server does
                not list exactly one.
            Unavailable: it gives no usable answer.
        """
        try:
            found = self._retried("/models", self._client.models.list).data
        except _NotFound:
            if model is None:
                raise
            found = None
        listed = [one for one in found if isinstance(getattr(one, "id", None), str)] if isinstance(found, list) else []
        if model is None and len(listed) != 1:
            names = ", ".join(shown(one.id) for one in listed[:20]) or "none"
            raise InputError(f"{self.url}: models there: {names}; name one as MODEL")
        kinds = (_KINDS.get(str(getattr(one, "owned_by", None))) for one in listed)
        return model or listed[0].id, next(filter(None, kinds), "other")

    def ask(self, model: str, prompt: str, temperature: float, max_new_tokens: int) -> Reply:
        """Return the model's answer to one prompt.

        Raises:
            InputError: the server refuses the request or the key, or knows no such address or model.
            Unavailable: no usable answer after all attempts.
        """
        settings = {"temperature": temperature, "max_tokens": max_new_tokens}

        def create() -> object:
            as_taken = ((self._names.get(name, name), value) for name, value in settings.items())
            named: dict[str, Any] = {name: value for name, value in as_taken if name is not None}
            return self._client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": prompt}], **named
            )

        return self._retried("/chat/completions", create, self._reply)

    def _set_headers(self, request: httpx2.Request) -> None:
        """Send only necessary headers: the library would add this machine's system and the environment's OPENAI_*."""
        for name in request.headers.keys() - _HEADERS:
            del request.headers[name]
        if self._key:
            request.headers["authorization"] = f"Bearer {self._key}"

    def _retried(self, path: str, send: Callable[[], object], read: Callable[[Any], Any] = lambda found: found):
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Passing),
            wait=self._wait,
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            before_sleep=self._tell,
            reraise=True,
        )
        try:
            return retrying(lambda: read(self._sent(path, send)))
        except _Passing as last:
            raise Unavailable(f"{self.url}{path}: {last}; tried {_ATTEMPTS} times") from None

    def _wait(self, state: tenacity.RetryCallState) -> float:
        problem = state.outcome and state.outcome.exception()
        asked = problem.wait_s if isinstance(problem, _Passing) else None
        return self._back_off(state) if asked is None else asked

    def _tell(self, state: tenacity.RetryCallState) -> None:
        problem = state.outcome and state.outcome.exception()
        self._say(f"{problem}; trying again in {state.upcoming_sleep:.0f} s")

    def _sent(self, path: str, send: Callable[[], object]) -> openai.BaseModel:
        """Return the server's answer as an object of the library."""
        try:
            found = send()
        except openai.APIConnectionError as error:
            raise self._unreached(error.__cause__) from None
        except openai.APIStatusError as error:
            found = error
        except (ValueError, RecursionError):  # the library raises Python's own errors for answers that it cannot read
            found = None
        self._answered = True
        if isinstance(found, openai.APIStatusError):  # not in an except block, which would chain its text
            raise self._problem(found.status_code, found.body or found.response.text, path, found.response)
        if not isinstance(found, openai.BaseModel):  # the library returns other JSON and other text unchanged
            raise _Passing("an answer that is not a JSON object")
        self._look_for_error(found, path)
        return found

    def _look_for_error(self, found: openai.BaseModel, path: str) -> None:
        """Raise the error in an answer: gateways answer HTTP 200 before their model, and add an error if it fails."""
        if error := getattr(found, "error", None):
            code = error.get("code") if isinstance(error, dict) else None
            raise self._problem(code if type(code) is int and 400 <= code < 600 else 500, error, path)

    def _unreached(self, why: BaseException | None) -> Exception:
        """Return the error to raise if no answer came."""
        if isinstance(why, (httpx2.ConnectError, httpx2.ConnectTimeout)):
            if self._answered:
                return _Passing(f"no connection ({why})")
            nobody = f"nobody answers there ({why})"
            return InputError(f"{self.url}: {nobody}; start the server, or give its address as SERVER")
        silent = isinstance(why, httpx2.TimeoutException)
        return _Passing("no answer in time" if silent else f"the connection broke ({why})")

    def _problem(self, code: int, body: object, path: str, response: httpx2.Response | None = None) -> Exception:
        """Return the error to raise for a status that is not a success, or for an error in place of an answer."""
        said = self._said(body)
        told = f"HTTP {code}: {said}" if response is not None else f"an error in place of an answer: {said}"
        if code == 402 or "insufficient_quota" in str(body):
            return InputError(f"{self.url}: no credit left ({told})")
        if code in _PASSING or code >= 500:
            return _Passing(told, _retry_after(response) if response is not None else None)
        if code == 400 and self._adapts(said):
            return _Passing(f"the model takes other settings ({told})", 0.0)
        if code in (401, 403):
            todo = f"check {KEY_VARIABLE}" if self._key else f"put a key into the environment as {KEY_VARIABLE}"
            return InputError(f"{self.url}: refuses access ({told}); {todo}")
        if code == 404:
            todo = "SERVER usually ends in /v1, and MODEL must be one that the server has"
            return _NotFound(f"{self.url}{path}: not found ({told}); {todo}")
        if response is not None and response.is_redirect:
            target = shown(self._without_key(response.headers.get("location", "")))
            return InputError(f"{self.url}: redirects to {target}; give the right address as SERVER")
        return InputError(f"{self.url}{path}: refused ({told})")

    def _adapts(self, said: str) -> bool:
        """Return whether a setting can be renamed or left out for the next attempt, as newer models may need."""
        for word, name, new in (
            ("max_completion_tokens", "max_tokens", "max_completion_tokens"),
            ("temperature", "temperature", None),
        ):
            if word in said and name not in self._names:
                self._names[name] = new
                return True
        return False

    def _reply(self, found: Any) -> Reply:
        try:
            choice = found.choices[0]
            text = choice.message.content
        except (IndexError, TypeError, AttributeError):
            raise _Passing("an answer of another form than a chat's") from None
        self._look_for_error(choice, "/chat/completions")
        counts = (getattr(found.usage, name, None) for name in ("prompt_tokens", "completion_tokens"))
        prompt_tokens, completion_tokens = (count if type(count) is int else None for count in counts)
        text = self._without_key(text) if isinstance(text, str) else ""
        return Reply(text, prompt_tokens, completion_tokens, choice.finish_reason == "length")

    def _said(self, body: object) -> str:
        """Return the server's error message in one line."""
        text = body.get("message", body) if isinstance(body, dict) else body
        return repr(" ".join(self._without_key(str(text)).split())[:_SAID])

    def _without_key(self, text: str) -> str:
        """Return the server's text without the key, and with "?" for halves of characters."""
        if self._key and len(self._key) >= _SHORTEST_SECRET:
            text = text.replace(self._key, "[key]")
        return text.encode("utf-8", "replace").decode()


def _retry_after(response: httpx2.Response) -> float | None:
    """Return the seconds to wait by the server's header: a number, or a date.

    Raises:
        Unavailable: it is longer than the longest wait.
    """
    value = response.headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    if not math.isfinite(seconds):
        return None
    if seconds > _LONGEST_WAIT_S:
        raise Unavailable(f"{response.url}: requests a pause of {clock(seconds)}; give the same command later")
    return max(0.0, seconds)


def connect(server: str, timeout_s: float = 300.0) -> ChatClient:
    """Return a client for an address as users give it, with the key from the environment; nothing is sent yet.

    Args:
        timeout_s: see `ChatClient`.

    Raises:
        InputError: see `address` and `key_for`.
    """
    url = address(server)
    return ChatClient(url, key_for(url), timeout_s)


def address(url: str) -> str:
    """Return the server's base address; "/v1" is added if no path is given.

    Raises:
        InputError: it is not an http address, or has a name, a password or a query, which may contain a key; such an
            address is not shown.
    """
    url = url.strip()
    if set(url) & set("@?#"):
        raise InputError(f"server: has a name, password or query; {_EXPECTED_ADDRESS}, and the key in {KEY_VARIABLE}")
    try:
        parts, _ = urlsplit(url), httpx2.URL(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except (ValueError, httpx2.InvalidURL):
        parts, usable = None, False
    if parts is None or not usable:
        raise InputError(f"server: {shown(url)}; {_EXPECTED_ADDRESS}")
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return f"{parts.scheme}://{parts.netloc}{path or '/v1'}"


def is_local(url: str) -> bool:
    """Return whether the server is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def key_for(url: str) -> str | None:
    """Return the key for the server at `url`, or None.

    Raises:
        InputError: it can't be a key, or would be sent unencrypted over a network; the key is not shown.
    """
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not key:
        return None
    if not key.isascii() or not key.isprintable() or " " in key:
        raise InputError(f"{KEY_VARIABLE}: contains characters that no API key contains; expected only the key")
    if url.startswith("http:") and not is_local(url):
        raise InputError(f"server: {url} is not encrypted, and {KEY_VARIABLE} is set; expected https, or no key")
    return key
