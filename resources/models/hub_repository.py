"""One repository on the Hub: what its branches hold, and making one hold what it should."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

from learnfinance_dagster.errors import ConfigurationError, DataError, RefusedError, TransientError
from learnfinance_dagster.ports import ModelFiles
from resources.http_words import place
from resources.models.hub_errors import BusyError, NoRepositoryError, NotOnHubError, asked
from resources.models.rules import CHECKSUMS, digest, read_manifest

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Answer = TypeVar("Answer")

MAIN = "main"
TRIES = 2
"""Commits to bring one branch to what it should hold. It is looked at before and after each: answers get lost."""


def whoami(endpoint: str, token: Callable[[], str | None]) -> str:
    """The name of the user whose token it is."""
    return HubRepository("", endpoint, token, private=True).owner()


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """What the Hub tells of a file."""

    size: int
    git_sha1: str
    """Of the content as git names it; of a large file, of the pointer to it."""
    sha256: str | None
    """Of a large file's content."""

    def holds(self, content: bytes) -> bool:
        """Whether that is the file."""
        if self.sha256:
            return self.size == len(content) and self.sha256 == digest(content)
        return self.git_sha1 == hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Tree:
    """A branch as it is at one commit."""

    commit: str
    files: Mapping[str, RemoteFile]
    is_public: bool

    @property
    def is_whole(self) -> bool:
        """Files and their checksums come in one commit: where the checksums are, everything is."""
        return CHECKSUMS in self.files


Wanted = ModelFiles | Callable[[Tree], ModelFiles]


@dataclass(frozen=True, slots=True)
class HubRepository:
    """A repository of models or of data; every call asks the Hub, nothing is remembered."""

    name: str
    """owner/name"""
    endpoint: str
    token: Callable[[], str | None] = field(repr=False)
    private: bool
    kind: str = "model"
    """`model` or `dataset`, as the Hub calls them."""

    def owner(self) -> str:
        """Whose the token is."""
        return str(self._ask("asking whose HF_TOKEN is", lambda api: api.whoami())["name"])

    def branches(self) -> tuple[str, ...]:
        """Names of all branches; none where there is no repository."""

        def listed(api: "HfApi") -> tuple[str, ...]:
            return tuple(f"{branch.name}" for branch in api.list_repo_refs(self.name, repo_type=self.kind).branches)

        try:
            return self._ask("listing branches", listed)
        except NoRepositoryError:
            return ()

    def look(self, branch: str) -> Tree | None:
        """What a branch holds; None where there is no repository or no such branch."""

        def seen(api: "HfApi") -> Tree:
            info = api.dataset_info if self.kind == "dataset" else api.model_info
            told = info(self.name, revision=branch, files_metadata=True)
            files = {
                each.rfilename: RemoteFile(each.size or 0, each.blob_id or "", each.lfs.sha256 if each.lfs else None)
                for each in told.siblings or ()
            }
            return Tree(told.sha or "", files, is_public=told.private is False)

        try:
            return self._ask(f"looking at {branch}", seen)
        except (NoRepositoryError, NotOnHubError):
            return None

    def fetch(self, tree: Tree, names: Iterable[str]) -> dict[str, bytes]:
        """Files of that commit.

        Raises:
            DataError: one is not there, or is not what the Hub says of it.
        """
        with TemporaryDirectory() as folder:
            return {name: self._fetch_one(tree, name, folder) for name in names}

    def hold(self, branch: str, wanted: Wanted, *, replace: bool) -> bool:
        """Make a branch hold these files, by one commit; True when something had to be sent.

        Args:
            branch: made where it is missing, with the repository.
            wanted: with their checksums; files that are there already are not sent again. A function is told what the
                branch holds, and told again when somebody else was faster.
            replace: other content under these names may give way, with what else its checksums list.

        Raises:
            RefusedError: the branch holds other content, and `replace` is not set.
            TransientError: the Hub could not be brought to it; what was sent so far is used the next time.
        """
        if not self._secret():
            msg = f"{self._place}: uploading needs a token with the scope `write`: set HF_TOKEN"
            raise ConfigurationError(msg)
        trouble, sent = TransientError(f"{self._place}: {branch} does not show what was uploaded"), False
        for attempt in range(TRIES + 1):
            try:
                tree = self._secured(self.look(branch) or self._started(branch))
                files = wanted(tree) if callable(wanted) else wanted
                missing, other = self._lacking(tree, files)
                if not missing | other:
                    return sent
                if other and not replace:
                    msg = f"{self._place}: {branch} holds another {', '.join(sorted(other))}; neither was overwritten"
                    raise RefusedError(msg)
                if attempt < TRIES:
                    sent = True
                    parts = {name: files[name] for name in missing | other}
                    self._commit(branch, tree, parts, self._stale(tree, files))
            except BusyError:
                raise
            except TransientError as error:
                trouble = error
        raise trouble

    @property
    def _place(self) -> str:
        return f"{place(self.endpoint)}, {self.name}"

    def _secret(self) -> str | None:
        """The token, fit for a header: what is not would be written down by the library when it fails to send it."""
        token = (self.token() or "").strip()
        if token and not (token.isascii() and token.isprintable() and " " not in token):
            raise ConfigurationError("HF_TOKEN holds characters that no token has")
        return token or None

    def _ask(self, doing: str, question: "Callable[[HfApi], Answer]") -> Answer:
        token = self._secret()

        def put() -> Answer:
            from huggingface_hub import HfApi

            return question(HfApi(self.endpoint, token or False, library_name="learnfinance-dagster"))

        return asked(f"{self._place}, {doing}", token, put)

    def _fetch_one(self, tree: Tree, name: str, folder: str) -> bytes:
        told = tree.files.get(name)
        if told is None:
            msg = f"{self._place}: {name} is missing at {tree.commit}"
            raise DataError(msg)
        path = self._ask(
            f"downloading {name}",
            lambda api: api.hf_hub_download(
                self.name,
                name,
                repo_type=self.kind,
                revision=tree.commit,
                local_dir=folder,
                cache_dir=f"{folder}/none",
            ),
        )
        content = Path(path).read_bytes()
        if not told.holds(content):
            msg = f"{self._place}: {name} as downloaded ({len(content)} bytes) is not what the Hub says of it"
            raise DataError(msg)
        return content

    def _started(self, branch: str) -> Tree:
        """A new branch begins where the repository began: without any other version's files."""

        def start(api: "HfApi") -> None:
            if not api.repo_exists(self.name, repo_type=self.kind):
                api.create_repo(self.name, repo_type=self.kind, private=self.private, exist_ok=True)
            if branch != MAIN:
                first = api.list_repo_commits(self.name, repo_type=self.kind)[-1].commit_id
                api.create_branch(self.name, repo_type=self.kind, branch=branch, revision=first, exist_ok=True)

        self._ask(f"making {branch}", start)
        tree = self.look(branch)
        if tree is None:
            msg = f"{self._place}: {branch} was made and is not shown"
            raise TransientError(msg)
        return tree

    def _secured(self, tree: Tree) -> Tree:
        if self.private and tree.is_public:
            msg = f"{self._place} is public: make it private on the Hub, or say that it may be public"
            raise ConfigurationError(msg)
        return tree

    def _lacking(self, tree: Tree, wanted: ModelFiles) -> tuple[set[str], set[str]]:
        """Names of files that are not there, and of those that are there with another content."""
        missing = wanted.keys() - tree.files.keys()
        return missing, {name for name in wanted.keys() - missing if not tree.files[name].holds(wanted[name])}

    def _stale(self, tree: Tree, wanted: ModelFiles) -> set[str]:
        """What an earlier version left: files that the checksums there list. Files of others stay."""
        if not tree.is_whole or tree.files[CHECKSUMS].holds(wanted[CHECKSUMS]):
            return set()
        try:
            listed = read_manifest(self.fetch(tree, [CHECKSUMS])[CHECKSUMS], self._place)
        except DataError:  # not ours, and it will be replaced
            return set()
        return (listed.keys() & tree.files.keys()) - wanted.keys()

    def _commit(self, branch: str, onto: Tree, files: ModelFiles, gone: set[str]) -> None:
        def commit(api: "HfApi") -> None:
            from huggingface_hub import CommitOperationAdd, CommitOperationDelete

            api.create_commit(
                self.name,
                [
                    *(CommitOperationDelete(name) for name in sorted(gone)),
                    *(CommitOperationAdd(name, content) for name, content in sorted(files.items())),
                ],
                repo_type=self.kind,
                commit_message=f"{branch}: {', '.join(sorted(files))}",
                revision=branch,
                parent_commit=onto.commit,
            )

        self._ask(f"uploading to {branch}", commit)
