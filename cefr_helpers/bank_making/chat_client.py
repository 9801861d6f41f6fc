"""An OpenAI-compatible server that is asked one thing at a time, with retries, back-off and clear errors.

The key is taken out of whatever the server says, before anyone sees it.
"""

import ipaddress
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx
import tenacity

from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.core.progress import clock

_ATTEMPTS = 7
_CONNECT_S = 10.0
_LONGEST_BACK_OFF_S = 60.0
# A server that asks for more is not waited for: the command can be given again.
_LONGEST_WAIT_S = 300.0
_PASSING = (408, 409, 425, 429)
_SHORTEST_SECRET = 8  # a shorter key, such as a dummy for a server of one's own, may stand in a sentence by chance
_SAID = 300  # characters shown of what a server says
# What servers call themselves in their list of models.
_KINDS = {"llamacpp": "llama.cpp", "library": "Ollama", "vllm": "vLLM", "openai": "OpenAI", "system": "OpenAI"}
KEY_VARIABLE = "BANK_API_KEY"
DEFAULT = "http://127.0.0.1:8080/v1"  # where llama.cpp's server listens if nothing else is said
_EXPECTED_ADDRESS = f"expected an address such as {DEFAULT}"


class Unavailable(RuntimeError):
    """The server gave no usable answer after all attempts, or asks for a long pause; the message is for users."""


class _Passing(Exception):
    """What may be over soon; `wait_s` is how long the server asks to wait, None where it does not say."""

    def __init__(self, what: str, wait_s: float | None = None):
        super().__init__(what)
        self.wait_s = wait_s


class _NotFound(InputError):
    pass


@dataclass(frozen=True)
class Reply:
    """An answer, and its tokens as the server counts them (None where it does not)."""

    text: str
    prompt_tokens: int | None
    completion_tokens: int | None


class ChatClient:
    """A server, asked one thing at a time; what may pass is tried again, and `say` is told.

    Args:
        url: from `chat_client.address`.
        key: sent with each request, and in no message.
        timeout_s: the longest time without a sign of an answer.
        first_wait_s: before the second attempt; each further wait doubles, up to a minute.
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
        # settings that the model takes under another name, or (None) not at all
        self._names: dict[str, str | None] = {}
        self._back_off = tenacity.wait_exponential_jitter(first_wait_s, _LONGEST_BACK_OFF_S, jitter=first_wait_s)
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s)),
            trust_env=not is_local(url),  # proxies of the environment are for other machines
        )

    def choose_model(self, model: str | None) -> tuple[str, str]:
        """The model to ask, and what kind of server it is, for people; the first request, which costs nothing.

        Raises:
            InputError: nobody answers at the address, the key is refused, or no model is named where the server does
                not list exactly one.
            Unavailable: it answers, but nothing of use.
        """
        try:
            found = self._retried("GET", "/models", None, _listed)
        except _NotFound:
            if model is None:
                raise
            found = []
        names = [one["id"] for one in found]
        if model is None and len(names) != 1:
            listed = ", ".join(map(shown, names[:20])) or "none"
            raise InputError(f"{self.url}: models there: {listed}; name one as MODEL")
        return model or names[0], next((kind for one in found if (kind := _KINDS.get(one["owned_by"]))), "other")

    def ask(self, model: str, prompt: str, temperature: float, max_new_tokens: int) -> Reply:
        """The model's answer to one prompt.

        Raises:
            InputError: the server refuses the request or the key, or knows no such address or model.
            Unavailable: no usable answer after all attempts.
        """
        messages = [{"role": "user", "content": prompt}]
        body = {"model": model, "messages": messages, "temperature": temperature, "max_tokens": max_new_tokens}
        return self._retried("POST", "/chat/completions", body, self._reply)

    def _retried(self, method: str, path: str, body: dict | None, read: Callable[[dict], object]):
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Passing),
            wait=self._wait,
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            before_sleep=self._tell,
            reraise=True,
        )
        try:
            return retrying(lambda: read(self._send(method, path, body)))
        except _Passing as last:
            raise Unavailable(f"{self.url}{path}: {last}; tried {_ATTEMPTS} times") from None

    def _wait(self, state: tenacity.RetryCallState) -> float:
        asked = state.outcome.exception().wait_s
        return self._back_off(state) if asked is None else asked

    def _tell(self, state: tenacity.RetryCallState) -> None:
        self._say(f"{state.outcome.exception()}; trying again in {state.next_action.sleep:.0f} s")

    def _send(self, method: str, path: str, body: dict | None) -> dict:
        named = {self._names.get(key, key): value for key, value in (body or {}).items()}
        named.pop(None, None)
        try:
            response = self._client.request(method, self.url + path, json=named or None)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if not self._answered:
                why = f"nobody answers there ({error})"
                raise InputError(f"{self.url}: {why}; start the server, or give its address as SERVER") from None
            raise _Passing(f"no connection ({error})") from None
        except httpx.TimeoutException:
            raise _Passing("no answer in time") from None
        except httpx.RequestError as error:
            raise _Passing(f"the connection broke ({error})") from None
        self._answered = True
        if not response.is_success:
            raise self._problem(response, path)
        return _json_object(response)

    def _problem(self, response: httpx.Response, path: str) -> Exception:
        """What to raise for a status that is not a success."""
        code, said = response.status_code, self._said(response)
        told = f"HTTP {code}: {said}"
        if code == 402 or "insufficient_quota" in response.text:
            return InputError(f"{self.url}: no credit left ({told})")
        if code in _PASSING or code >= 500:
            return _Passing(told, _retry_after(response))
        if code == 400 and self._adapts(said):
            return _Passing(f"the model takes other settings ({told})", 0.0)
        if code in (401, 403):
            todo = f"check {KEY_VARIABLE}" if self._key else f"put a key into the environment as {KEY_VARIABLE}"
            return InputError(f"{self.url}: refuses who asks ({told}); {todo}")
        if code == 404:
            todo = "as a rule SERVER ends in /v1, and MODEL must be one that the server has"
            return _NotFound(f"{self.url}{path}: not found ({told}); {todo}")
        if response.is_redirect:
            target = shown(self._without_key(response.headers.get("location", "")))
            return InputError(f"{self.url}: leads elsewhere, to {target}; give the right address as SERVER")
        return InputError(f"{self.url}{path}: refused ({told})")

    def _adapts(self, said: str) -> bool:
        """Whether there is something new to rename or to leave out: newer models take other settings."""
        for word, name, new in (
            ("max_completion_tokens", "max_tokens", "max_completion_tokens"),
            ("temperature", "temperature", None),
        ):
            if word in said and name not in self._names:
                self._names[name] = new
                return True
        return False

    def _reply(self, found: dict) -> Reply:
        try:
            text = found["choices"][0]["message"].get("content")
        except (KeyError, IndexError, TypeError, AttributeError):
            raise _Passing("an answer of another form than a chat's") from None
        usage = found["usage"] if isinstance(found.get("usage"), dict) else {}
        counts = (usage.get("prompt_tokens"), usage.get("completion_tokens"))
        text = self._without_key(text) if isinstance(text, str) else ""
        return Reply(text, *(count if type(count) is int else None for count in counts))

    def _said(self, response: httpx.Response) -> str:
        """What the server says is wrong, in one line."""
        try:
            error = response.json()["error"]
            text = error["message"] if isinstance(error, dict) else error
        except (ValueError, KeyError, TypeError, RecursionError):
            text = response.text
        return repr(" ".join(self._without_key(str(text)).split())[:_SAID])

    def _without_key(self, text: str) -> str:
        """What the server sent, fit to be kept: halves of characters become "?"."""
        if self._key and len(self._key) >= _SHORTEST_SECRET:
            text = text.replace(self._key, "[key]")
        return text.encode("utf-8", "replace").decode()


def _json_object(response: httpx.Response) -> dict:
    try:
        found = response.json()
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _Passing("an answer that is no JSON object")
    return found


def _listed(found: dict) -> list[dict]:
    models = found.get("data")
    models = [one for one in models if isinstance(one, dict)] if isinstance(models, list) else []
    return [{"id": one["id"], "owned_by": str(one.get("owned_by"))} for one in models if isinstance(one.get("id"), str)]


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds to wait, by the server's header: a number, or a date.

    Raises:
        Unavailable: longer than is waited for.
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
        raise Unavailable(f"{response.url}: asks to be left alone for {clock(seconds)}; give the same command later")
    return max(0.0, seconds)


def address(url: str) -> str:
    """The server's base address; "/v1" is added where no path is given.

    Raises:
        InputError: it is no http address, or holds a name, a password or a query, in which a key may stand; such a
            one is not shown.
    """
    url = url.strip()
    if set(url) & set("@?#"):
        raise InputError(f"server: holds a name, password or query; {_EXPECTED_ADDRESS}, and the key in {KEY_VARIABLE}")
    try:
        parts, _ = urlsplit(url), httpx.URL(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable:
        raise InputError(f"server: {shown(url)}; {_EXPECTED_ADDRESS}")
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return f"{parts.scheme}://{parts.netloc}{path or '/v1'}"


def is_local(url: str) -> bool:
    """Whether the server is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def key_for(url: str) -> str | None:
    """The key for the server at `url`, or None.

    Raises:
        InputError: it can't be a key, or would go over a network in the clear; the key is not shown.
    """
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not key:
        return None
    if not key.isascii() or not key.isprintable() or " " in key:
        raise InputError(f"{KEY_VARIABLE}: contains characters that no API key contains; expected the key alone")
    if url.startswith("http:") and not is_local(url):
        raise InputError(f"server: {url} is not encrypted, and {KEY_VARIABLE} is set; expected https, or no key")
    return key
