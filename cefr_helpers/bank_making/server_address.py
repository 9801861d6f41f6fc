"""Where an OpenAI-compatible server is, and the key for it, which comes from the environment alone."""

import ipaddress
import os
from urllib.parse import urlsplit

import httpx

from cefr_helpers.core.errors import InputError, shown

KEY_VARIABLE = "BANK_API_KEY"
DEFAULT = "http://127.0.0.1:8080/v1"  # where llama.cpp's server listens if nothing else is said
_EXPECTED = f"expected an address such as {DEFAULT}"


def address(url: str) -> str:
    """The server's base address; "/v1" is added where no path is given.

    Raises:
        InputError: it is no http address, or holds a name, a password or a query, in which a key may stand; such a
            one is not shown.
    """
    url = url.strip()
    if set(url) & set("@?#"):
        raise InputError(f"server: holds a name, password or query; {_EXPECTED}, and the key in {KEY_VARIABLE}")
    try:
        parts, _ = urlsplit(url), httpx.URL(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable:
        raise InputError(f"server: {shown(url)}; {_EXPECTED}")
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
        raise InputError(f"{KEY_VARIABLE}: holds signs that no key has; expected the key alone")
    if url.startswith("http:") and not is_local(url):
        raise InputError(f"server: {url} is not encrypted, and {KEY_VARIABLE} is set; expected https, or no key")
    return key
