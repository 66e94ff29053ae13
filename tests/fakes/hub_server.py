"""A Hugging Face Hub on this machine: as much of its HTTP as huggingface-hub 2.4 uses, and faults to plant.

Written from the library's source. Large files go by git LFS with signed addresses on another host (here: `localhost`
instead of `127.0.0.1`), which must never see a token.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from vendor_server import Reply, Seen, VendorServer

from resources.models.hub import HubModelStore
from resources.models.local import LocalModelStore

ALICE, READER, MALLORY = "hf_alice_canary_9f2c71", "hf_reader_canary_5b8e04", "hf_mallory_canary_77d1aa"
TOKENS = {ALICE: ("alice", True), READER: ("alice", False), MALLORY: ("mallory", True)}
"""Token → its owner, and whether it may write."""
REPOS = {"lstm": "alice/lstm", "patchtst": "alice/patchtst"}
LFS_SUFFIXES = (".safetensors", ".bin", ".pkl", ".parquet")
COMMITS_A_PAGE = 2

type_of_fault = Callable[[Callable[[], Reply]], Reply]
"""Is given the honest answer as a function, for some faults come before the work and some after it."""


def instead(reply: Reply) -> type_of_fault:
    """The request is not even looked at."""
    return lambda _honest: reply


def lost(honest: Callable[[], Reply]) -> Reply:
    """All is done, and the answer never arrives."""
    honest()
    return Reply(reset=True)


def cut(honest: Callable[[], Reply]) -> Reply:
    """The answer ends too early."""
    reply = honest()
    return replace(reply, cut=max(1, len(reply.content) // 2))


def spoiled(honest: Callable[[], Reply]) -> Reply:
    """Another last byte."""
    reply = honest()
    return replace(reply, body=reply.content[:-1] + bytes([reply.content[-1] ^ 1]))


BROKEN = instead(Reply(reset=True))
FAILING = instead(Reply({"error": "Internal error"}, 500))


@dataclass(frozen=True)
class Blob:
    """A file's content and how it is kept."""

    content: bytes
    is_lfs: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def oid(self) -> str:
        kept = self.content
        if self.is_lfs:
            kept = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(kept)}\n".encode()
        return hashlib.sha1(b"blob %d\0" % len(kept) + kept, usedforsecurity=False).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.is_lfs else self.oid


@dataclass(frozen=True)
class Commit:
    oid: str
    title: str
    files: dict[str, Blob]
    parent: str | None


@dataclass
class Repo:
    """Owner/name, its commits and branches, and the large files that arrived."""

    private: bool
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)

    def commit(self, branch: str, title: str, files: dict[str, Blob]) -> Commit:
        parent = self.branches.get(branch)
        told = json.dumps([title, parent, branch, {name: blob.oid for name, blob in files.items()}, len(self.commits)])
        made = Commit(hashlib.sha1(told.encode(), usedforsecurity=False).hexdigest(), title, files, parent)
        self.commits[made.oid] = made
        self.branches[branch] = made.oid
        return made

    def at(self, revision: str) -> Commit | None:
        return self.commits.get(self.branches.get(revision, revision))

    def log(self, branch: str) -> list[Commit]:
        found, each = [], self.at(branch)
        while each is not None:
            found.append(each)
            each = self.commits[each.parent] if each.parent else None
        return found


class _RefusalError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        self.reply = Reply({"error": message}, status, {"X-Error-Code": code, "X-Error-Message": message})


class HubServer(VendorServer):
    """`with HubServer() as hub: ... hub.repos["alice/lstm"]`; `hub.seen` has every request."""

    def __init__(self) -> None:
        super().__init__()
        self.repos: dict[str, Repo] = {}
        self._faults: list[tuple[str, str, type_of_fault]] = []
        self.storage = self.url.replace("127.0.0.1", "localhost")

    def plant(self, method: str, part: str, *faults: type_of_fault) -> None:
        """The next requests of that kind, whose path has that part, meet these faults, one each."""
        self._faults += [(method, part, fault) for fault in faults]

    def heal(self) -> None:
        """Forget the faults that were not met."""
        self._faults.clear()

    def files(self, repo: str, branch: str) -> dict[str, bytes]:
        """What a branch holds, without what the Hub put there itself."""
        commit = self.repos[repo].at(branch)
        assert commit is not None
        return {name: blob.content for name, blob in commit.files.items() if name != ".gitattributes"}

    def put(self, repo: str, branch: str, files: dict[str, bytes]) -> None:
        """Somebody else's commit: these files and no others."""
        kept = {name: Blob(content, name.endswith(LFS_SUFFIXES)) for name, content in files.items()}
        self.repos[repo].commit(branch, "by hand", kept)
        self.repos[repo].large |= {blob.sha256: blob.content for blob in kept.values() if blob.is_lfs}

    def uploads(self) -> list[Seen]:
        """Large files that were sent."""
        return [request for request in self.seen if request.method == "PUT"]

    def _next(self, request: Seen) -> Reply:
        with self._lock:
            self.seen.append(request)
            for planted in self._faults:
                method, part, fault = planted
                if request.method == method and part in unquote(request.path):
                    self._faults.remove(planted)
                    return fault(lambda: self._answer(request))
            return self._answer(request)

    def _answer(self, request: Seen) -> Reply:
        for method, pattern, answer in ROUTES:
            found = re.fullmatch(pattern, request.path)
            if found and request.method in method:
                try:
                    return answer(self, request, **{name: unquote(part) for name, part in found.groupdict().items()})
                except _RefusalError as refusal:
                    return refusal.reply
        return Reply({"error": f"no such address: {request.method} {request.path}"}, 404)

    def machine(self, folder: Path, token: str | None = ALICE, *, private: bool = True) -> HubModelStore:
        """A store that mirrors `folder` here."""
        return HubModelStore(LocalModelStore(folder), REPOS, self.url, lambda: token, private)

    # Who asks, and what they may see.

    def _who(self, request: Seen) -> tuple[str, bool]:
        header = request.headers.get("authorization")
        if header is None:
            return "", False
        who = TOKENS.get(header.removeprefix("Bearer "))
        if who is None:
            raise _RefusalError(401, "", "Invalid credentials in Authorization header")
        return who

    def _repo(self, request: Seen, repo: str, *, write: bool = False) -> Repo:
        owner, may_write = self._who(request)
        found = self.repos.get(repo)
        is_owner = repo.startswith(f"{owner}/")
        if found is None or (found.private and not is_owner):
            raise _RefusalError(404 if owner else 401, "RepoNotFound", "Repository not found")
        if write and not (is_owner and may_write):
            raise _RefusalError(403, "", f"Forbidden: the token {request.headers.get('authorization')} cannot write")
        return found

    def _commit_at(self, repo: Repo, revision: str) -> Commit:
        found = repo.at(revision)
        if found is None:
            raise _RefusalError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return found

    def whoami(self, request: Seen) -> Reply:
        owner, _ = self._who(request)
        return Reply({"type": "user", "name": owner, "auth": {"type": "access_token"}})

    # Repositories and branches.

    def create(self, request: Seen) -> Reply:
        asked = json.loads(request.body)
        owner, may_write = self._who(request)
        name = f"{asked['organization'] or owner}/{asked['name']}"
        if not may_write or not name.startswith(f"{owner}/"):
            raise _RefusalError(403, "", f"You don't have the rights to create a model under {asked['organization']}")
        url = {"url": f"{self.url}/{name}", "name": name}
        if name in self.repos:
            return Reply(url | {"error": "You already created this model repo"}, 409)
        self.repos[name] = Repo(private=asked.get("visibility") == "private")
        attributes = Blob(b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n", is_lfs=False)
        self.repos[name].commit("main", "initial commit", {".gitattributes": attributes})
        return Reply(url)

    def info(self, request: Seen, repo: str, revision: str = "main") -> Reply:
        found = self._repo(request, repo)
        commit = self._commit_at(found, revision)
        blobs = request.query.get("blobs", "").lower() == "true"
        siblings = [_sibling(name, blob, blobs=blobs) for name, blob in commit.files.items()]
        return Reply({"id": repo, "sha": commit.oid, "private": found.private, "siblings": siblings, "tags": []})

    def refs(self, request: Seen, repo: str) -> Reply:
        found = self._repo(request, repo)
        branches = [
            {"name": name, "ref": f"refs/heads/{name}", "targetCommit": oid} for name, oid in found.branches.items()
        ]
        return Reply({"branches": branches, "converts": [], "tags": []})

    def commits(self, request: Seen, repo: str, revision: str) -> Reply:
        found = self._repo(request, repo)
        self._commit_at(found, revision)
        page, log = int(request.query.get("p", 0)), found.log(revision)
        first = page * COMMITS_A_PAGE
        shown = [
            {"id": each.oid, "title": each.title, "message": "", "date": "2026-01-05T00:00:00.000Z", "authors": []}
            for each in log[first : first + COMMITS_A_PAGE]
        ]
        more = first + COMMITS_A_PAGE < len(log)
        return Reply(shown, headers={"Link": f'<{self.url}{request.path}?p={page + 1}>; rel="next"'} if more else {})

    def branch(self, request: Seen, repo: str, branch: str) -> Reply:
        found = self._repo(request, repo, write=True)
        start = self._commit_at(found, json.loads(request.body).get("startingPoint", "main"))
        if branch in found.branches:
            raise _RefusalError(409, "", f"Reference {branch} already exists")
        found.branches[branch] = start.oid
        return Reply({})

    # Uploads.

    def preupload(self, request: Seen, repo: str, revision: str) -> Reply:
        commit = self._commit_at(self._repo(request, repo, write=True), revision)
        told = []
        for each in json.loads(request.body)["files"]:
            mode = "lfs" if each["path"].endswith(LFS_SUFFIXES) or each["size"] > 10_000_000 else "regular"
            known = commit.files.get(each["path"])
            oid = {"oid": known.etag} if known else {}
            told.append({"path": each["path"], "uploadMode": mode, "shouldIgnore": False, **oid})
        return Reply({"files": told, "commitOid": commit.oid})

    def lfs_batch(self, request: Seen, repo: str) -> Reply:
        found = self._repo(request, repo, write=True)
        asked = json.loads(request.body)
        assert (asked["operation"], asked["hash_algo"]) == ("upload", "sha256")
        objects: list[dict[str, Any]] = []
        for each in asked["objects"]:
            told = dict(each)
            if each["oid"] not in found.large:
                href = f"{self.storage}/storage/{repo}/{each['oid']}?X-Amz-Signature=signed"
                verify = {"href": f"{self.url}/api/complete/{repo}", "header": {}}
                told["actions"] = {"upload": {"href": href, "header": {}}, "verify": verify}
            objects.append(told)
        return Reply({"transfer": "basic", "objects": objects})

    def store(self, request: Seen, repo: str, oid: str) -> Reply:
        self._signed(request)
        if hashlib.sha256(request.body).hexdigest() != oid:
            raise _RefusalError(400, "", "XAmzContentSHA256Mismatch")
        self.repos[repo].large[oid] = request.body
        return Reply(b"")

    def complete(self, request: Seen, repo: str) -> Reply:
        told = json.loads(request.body)
        if len(self._repo(request, repo, write=True).large.get(told["oid"], b"")) != told["size"]:
            raise _RefusalError(404, "", "the object did not arrive")
        return Reply({})

    def commit(self, request: Seen, repo: str, revision: str) -> Reply:
        found = self._repo(request, repo, write=True)
        head = self._commit_at(found, revision)
        header, *lines = [json.loads(line) for line in request.body.splitlines()]
        if header["value"].get("parentCommit", head.oid) != head.oid:
            raise _RefusalError(412, "", "A commit has happened since. Please refresh and try again.")
        files = dict(head.files)
        for line in lines:
            name = line["value"]["path"]
            if line["key"] == "deletedFile":
                if files.pop(name, None) is None:
                    raise _RefusalError(404, "EntryNotFound", "A file with this name doesn't exist")
            elif line["key"] == "file":
                files[name] = Blob(base64.b64decode(line["value"]["content"]), is_lfs=False)
            else:
                content = found.large.get(line["value"]["oid"])
                if content is None or len(content) != line["value"]["size"]:
                    raise _RefusalError(400, "", "LFS pointer pointed to a file that does not exist")
                files[name] = Blob(content, is_lfs=True)
        made = found.commit(revision, header["value"]["summary"], files)
        return Reply({"success": True, "commitOid": made.oid, "commitUrl": f"{self.url}/{repo}/commit/{made.oid}"})

    def validate(self, request: Seen) -> Reply:
        content = json.loads(request.body)["content"]
        if not re.match(r"---\n.*?\n---\n", content, re.DOTALL):
            return Reply({"errors": [], "warnings": [{"message": "empty or missing yaml metadata in repo card"}]})
        return Reply({"errors": [], "warnings": []})

    # Downloads.

    def resolve(self, request: Seen, repo: str, revision: str, name: str) -> Reply:
        commit = self._commit_at(self._repo(request, repo), revision)
        blob = commit.files.get(name)
        if blob is None:
            raise _RefusalError(404, "EntryNotFound", "Entry not found")
        headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{blob.oid}"', "Content-Type": "application/octet-stream"}
        if not blob.is_lfs:
            return _part(request, blob.content, headers)
        location = f"{self.storage}/storage/{repo}/{blob.sha256}?X-Amz-Signature=signed"
        linked = {"X-Linked-Etag": f'"{blob.sha256}"', "X-Linked-Size": str(len(blob.content))}
        return Reply(b"", 302, headers | linked | {"Location": location})

    def stored(self, request: Seen, repo: str, oid: str) -> Reply:
        self._signed(request)
        return _part(request, self.repos[repo].large[oid], {"ETag": f'"{oid[:32]}"', "Content-Type": "binary/octets"})

    def _signed(self, request: Seen) -> None:
        if "authorization" in request.headers or request.query.get("X-Amz-Signature") != "signed":
            raise _RefusalError(400, "", "Only one auth mechanism allowed")


def _sibling(name: str, blob: Blob, *, blobs: bool) -> dict[str, Any]:
    if not blobs:
        return {"rfilename": name}
    lfs = {"lfs": {"sha256": blob.sha256, "size": len(blob.content), "pointerSize": 134}} if blob.is_lfs else {}
    return {"rfilename": name, "size": len(blob.content), "blobId": blob.oid, **lfs}


def _part(request: Seen, content: bytes, headers: dict[str, str]) -> Reply:
    """The whole content, or from where a broken download goes on."""
    asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
    if not asked:
        return Reply(content, headers=headers)
    start = int(asked[1])
    told = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
    return Reply(content[start:], 206, headers | told)


_REPO = r"(?P<repo>[^/]+/[^/]+)"
ROUTES: list[tuple[str, str, Callable[..., Reply]]] = [
    ("GET", r"/api/whoami-v2", HubServer.whoami),
    ("POST", r"/api/repos/create", HubServer.create),
    ("POST", r"/api/validate-yaml", HubServer.validate),
    ("GET", rf"/api/(?:models|datasets)/{_REPO}", HubServer.info),
    ("GET", rf"/api/(?:models|datasets)/{_REPO}/revision/(?P<revision>[^/]+)", HubServer.info),
    ("GET", rf"/api/(?:models|datasets)/{_REPO}/refs", HubServer.refs),
    ("GET", rf"/api/(?:models|datasets)/{_REPO}/commits/(?P<revision>[^/]+)", HubServer.commits),
    ("POST", rf"/api/(?:models|datasets)/{_REPO}/branch/(?P<branch>[^/]+)", HubServer.branch),
    ("POST", rf"/api/(?:models|datasets)/{_REPO}/preupload/(?P<revision>[^/]+)", HubServer.preupload),
    ("POST", rf"/api/(?:models|datasets)/{_REPO}/commit/(?P<revision>[^/]+)", HubServer.commit),
    ("POST", rf"/(?:datasets/)?{_REPO}\.git/info/lfs/objects/batch", HubServer.lfs_batch),
    ("POST", rf"/api/complete/{_REPO}", HubServer.complete),
    ("PUT", rf"/storage/{_REPO}/(?P<oid>[0-9a-f]+)", HubServer.store),
    ("HEAD GET", rf"/(?:datasets/)?{_REPO}/resolve/(?P<revision>[^/]+)/(?P<name>.+)", HubServer.resolve),
    ("GET", rf"/storage/{_REPO}/(?P<oid>[0-9a-f]+)", HubServer.stored),
]
"""Methods, path, answer."""
