"""A hub on this machine: the few addresses that its client asks for a snapshot, over folders of files."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class SmallHub:
    """Serves what it has under the revisions `main` and `COMMIT`, and keeps the paths of the files that were asked."""

    def __init__(self, repositories: Mapping[str, Path]) -> None:
        self.repositories = repositories
        """`models/someone/toy` or `datasets/someone/texts`: their folders."""
        self.asked: list[str] = []
        self.address = ""

    def told(self, repository: str) -> dict[str, Any]:
        """What the hub tells of a repository."""
        names = [{"rfilename": entry["path"]} for entry in self.tree(repository)]
        return {"id": repository.partition("/")[2], "sha": COMMIT, "private": False, "tags": [], "siblings": names}

    def tree(self, repository: str) -> list[dict[str, Any]]:
        """Its files, as the hub lists them."""
        folder = self.repositories[repository]
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return [
            {
                "type": "file",
                "path": path.relative_to(folder).as_posix(),
                "size": path.stat().st_size,
                "oid": hashlib.sha1(path.read_bytes()).hexdigest(),
            }
            for path in files
        ]

    def found(self, path: str) -> tuple[bytes, str] | None:
        """The content of an address and its kind; None where there is nothing."""
        parts = unquote(urlsplit(path).path).strip("/")
        for repository, folder in self.repositories.items():
            if parts in (f"api/{repository}/revision/{revision}" for revision in ("main", COMMIT)):
                return json.dumps(self.told(repository)).encode(), "application/json"
            if parts == f"api/{repository}/tree/{COMMIT}":
                return json.dumps(self.tree(repository)).encode(), "application/json"
            files = f"{repository.removeprefix('models/')}/resolve/{COMMIT}/"
            if parts.startswith(files) and (folder / parts.removeprefix(files)).is_file():
                self.asked.append(parts.removeprefix(files))
                return (folder / parts.removeprefix(files)).read_bytes(), "application/octet-stream"
        return None


@contextmanager
def running(hub: SmallHub) -> Iterator[SmallHub]:
    """The hub, answering at its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = hub.found(self.path)
            content, kind = found or (b'{"error": "Repository not found"}', "application/json")
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Type", kind)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            if not found:
                self.send_header("X-Error-Code", "RepoNotFound")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        hub.address = f"http://127.0.0.1:{server.server_port}"
        yield hub
        server.shutdown()
        thread.join()
