"""A Hugging Face Hub on this machine, as much of it as `huggingface_hub` needs to upload to a repository."""

import base64
import hashlib
import json
import re
import secrets
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

TOKEN = "hf_" + "standIn" * 5  # may write to the account "me" and to no other
ACCOUNT = "me"


def git_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class Repository:
    """Its files at the last commit, and all commits: (identity, title, names)."""

    private: bool
    files: dict[str, bytes] = field(default_factory=lambda: {".gitattributes": b"*.safetensors filter=lfs\n"})
    commits: list[tuple[str, str, list[str]]] = field(default_factory=lambda: [(secrets.token_hex(20), "initial", [])])


class Hub:
    """The hub's repositories, the requests that it got, and the failures that a test prepared.

    Attributes:
        repositories: account/name -> Repository.
        large: SHA-256 -> content, of what was put.
        requests: (method, path) in their order.
        failures: (method, a part of the path, status): the next such request is answered so; 0 cuts the connection.
        before_commit: called when a commit comes in, before it is looked at.
    """

    def __init__(self):
        self.repositories: dict[str, Repository] = {}
        self.large: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.failures: list[tuple[str, str, int]] = []
        self.url = ""
        self.before_commit = lambda: None

    def commit(self, repo: str, files: dict[str, bytes], title: str) -> str:
        """Add files to a repository, as somebody's commit."""
        identity = secrets.token_hex(20)
        self.repositories[repo].files |= files
        self.repositories[repo].commits.append((identity, title, sorted(files)))
        return identity

    def asked(self, method: str, part: str = "") -> list[str]:
        return [path for one, path in self.requests if one == method and part in path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_):
        pass

    def _serve(self):
        path = urlsplit(self.path).path
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            content = self._chunks()
        self.hub.requests.append((self.command, path))
        for failure in self.hub.failures:
            if failure[0] == self.command and failure[1] in path:
                self.hub.failures.remove(failure)
                if not failure[2]:
                    self.close_connection = True
                    return
                return self._answer(failure[2], {"error": "told to fail"})
        if path.startswith("/large/"):  # a place of its own, which the address itself opens
            return self._put(path.rpartition("/")[2], content)
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            message = {"X-Error-Message": "Invalid credentials in Authorization header"}
            return self._answer(401, {"error": "Invalid credentials in Authorization header"}, message)
        for pattern, answer in _ROUTES.items():
            if found := re.fullmatch(pattern, f"{self.command} {path}"):
                return answer(self, content, **found.groupdict())
        self._answer(404, {"error": "no such place in the stand-in"})

    do_GET = do_POST = do_PUT = _serve

    def _chunks(self) -> bytes:
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def _answer(self, status: int, found: dict, headers: dict | None = None):
        content = json.dumps(found).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _create(self, content: bytes):
        asked = json.loads(content)
        repo = f"{asked['organization'] or ACCOUNT}/{asked['name']}"
        if not repo.startswith(f"{ACCOUNT}/"):
            return self._answer(403, {"error": "not yours"}, {"X-Error-Message": "not yours"})
        if repo in self.hub.repositories:
            return self._answer(409, {"error": "You already created this model repo", "url": f"{self.hub.url}/{repo}"})
        self.hub.repositories[repo] = Repository(private=asked.get("visibility") == "private")
        self._answer(200, {"url": f"{self.hub.url}/{repo}"})

    def _repository(self, repo: str) -> Repository | None:
        if repo not in self.hub.repositories:
            self._answer(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        return self.hub.repositories.get(repo)

    def _info(self, _: bytes, repo: str):
        if held := self._repository(repo):
            siblings = []
            for name, content in held.files.items():
                siblings.append({"rfilename": name, "size": len(content), "blobId": git_oid(content)})
                if name.endswith(".safetensors"):
                    digest = hashlib.sha256(content).hexdigest()
                    siblings[-1]["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 134}
            info = {"id": repo, "private": held.private, "sha": held.commits[-1][0], "siblings": siblings}
            self._answer(200, info)

    def _validate(self, content: bytes):
        header = json.loads(content)["content"]
        bad = not header.startswith("---\n")
        self._answer(400 if bad else 200, {"errors": [{"message": "no header"}] if bad else [], "warnings": []})

    def _preupload(self, content: bytes, repo: str):
        files = json.loads(content)["files"]
        mode = {True: "lfs", False: "regular"}
        found = [
            {"path": one["path"], "uploadMode": mode[one["path"].endswith(".safetensors")], "shouldIgnore": False}
            for one in files
        ]
        self._answer(200, {"files": found})

    def _batch(self, content: bytes, repo: str):
        objects = []
        for one in json.loads(content)["objects"]:
            objects.append({"oid": one["oid"], "size": one["size"]})
            if one["oid"] not in self.hub.large:
                objects[-1]["actions"] = {"upload": {"href": f"{self.hub.url}/large/{one['oid']}", "header": {}}}
        self._answer(200, {"transfer": "basic", "objects": objects})

    def _put(self, oid: str, content: bytes):
        if hashlib.sha256(content).hexdigest() != oid:
            return self._answer(400, {"error": "not what was announced"})
        self.hub.large[oid] = content
        self._answer(200, {})

    def _commit(self, content: bytes, repo: str):
        self.hub.before_commit()
        held = self._repository(repo)
        if not held:
            return
        lines = [json.loads(line) for line in content.splitlines()]
        header = next(line["value"] for line in lines if line["key"] == "header")
        if header.get("parentCommit") not in (None, held.commits[-1][0]):
            return self._answer(412, {"error": "A commit has happened since"})
        files = {
            line["value"]["path"]: base64.b64decode(line["value"]["content"]) for line in lines if line["key"] == "file"
        }
        files |= {
            line["value"]["path"]: self.hub.large[line["value"]["oid"]] for line in lines if line["key"] == "lfsFile"
        }
        identity = self.hub.commit(repo, files, header["summary"])
        self._answer(200, {"commitUrl": f"{self.hub.url}/{repo}/commit/{identity}", "commitOid": identity})


_ROUTES = {
    r"POST /api/repos/create": _Handler._create,
    r"POST /api/validate-yaml": _Handler._validate,
    r"GET /api/models/(?P<repo>[^/]+/[^/]+)": _Handler._info,
    r"POST /api/models/(?P<repo>[^/]+/[^/]+)/preupload/main": _Handler._preupload,
    r"POST /api/models/(?P<repo>[^/]+/[^/]+)/commit/main": _Handler._commit,
    r"POST /(?P<repo>[^/]+/[^/]+)\.git/info/lfs/objects/batch": _Handler._batch,
}


@contextmanager
def running():
    """A hub that answers on a port of this machine."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
