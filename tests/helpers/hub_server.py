"""A server with the few endpoints of the Hugging Face Hub that uploads and downloads need.

It keeps one repository per name, as a dict of files, and each commit of it.
"""

import base64
import contextlib
import hashlib
import http.server
import json
import re
import threading

TOKEN = "hf_test"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        hub, place = self.server.hub, self.path.partition("?")[0]
        if place == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._json({"error": "Invalid username or password."}, 401)
        if place == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            hub.commits.setdefault(name, [])
            return self._json({"url": f"{self._address()}/{name}"})
        name, action = re.fullmatch(r"/api/models/(\w+/[\w-]+)/(\w+)/main", place).groups()
        if action == "preupload":
            files = [
                {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False, "oid": None}
                for one in json.loads(body)["files"]
            ]
            return self._json({"files": files})
        assert action == "commit"
        files = dict(hub.commits[name][-1]) if hub.commits[name] else {}
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        hub.commits[name].append(files)
        url = f"{self._address()}/{name}/commit/{_revision(files)}"
        return self._json({"commitUrl": url, "commitOid": _revision(files), "hookOutput": ""})

    def do_GET(self):
        place = self.path.partition("?")[0]
        self.server.hub.requests.append(place)
        asked = r"/api/models/(\w+/[\w-]+)(?:/(revision|tree)/([\w-]+))?"
        if match := re.fullmatch(asked, place):
            name, kind, revision = match.groups("main")
            if (files := self._files(name, revision)) is None:
                return None
            if kind == "tree":
                tree = [
                    {"type": "file", "path": path, "size": len(data), "oid": _digest(data)}
                    for path, data in files.items()
                ]
                return self._json(tree)
            siblings = [{"rfilename": path} for path in files]
            return self._json({"id": name, "sha": _revision(files), "siblings": siblings})
        match = re.fullmatch(r"/(\w+/[\w-]+)/resolve/([\w-]+)/(.+)", place)
        name, revision, path = match.groups()
        if (files := self._files(name, revision)) is None:
            return None
        headers = {"ETag": f'"{_digest(files[path])}"', "X-Repo-Commit": _revision(files)}
        return self._send(files[path], 200, headers)

    def do_HEAD(self):
        self.do_GET()

    def _files(self, name, revision):
        """Returns the files of a commit; None after an answer that there is none."""
        commits = self.server.hub.commits.get(name)
        if not commits:
            self._send(b"{}", 404, {"X-Error-Code": "RepoNotFound"})
            return None
        for files in reversed(commits):
            if revision in ("main", _revision(files)):
                return files
        self._send(b"{}", 404, {"X-Error-Code": "RevisionNotFound"})
        return None

    def _address(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def _json(self, contents, status=200):
        self._send(json.dumps(contents).encode(), status, {"Content-Type": "application/json"})

    def _send(self, data, status, headers):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *arguments):
        pass


class Hub:
    """What the server holds: files of each commit by repository, and paths that were asked for."""

    def __init__(self):
        self.commits = {}
        self.requests = []
        self.address = ""


def _digest(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _revision(files):
    names = "".join(f"{name} {_digest(data)}\n" for name, data in sorted(files.items()))
    return hashlib.sha1(names.encode()).hexdigest()


@contextlib.contextmanager
def hub_server():
    """Gives a `Hub` that is being served at `hub.address`."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.hub = Hub()
        server.hub.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.hub
        server.shutdown()


def hub_environment(address, home, token=TOKEN):
    """Returns the environment variables of a process that talks to it, without the user's own."""
    return {
        "HF_ENDPOINT": address,
        "HF_HOME": str(home),
        "HF_TOKEN": token,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
