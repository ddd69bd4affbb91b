"""As much of the Hub as takes uploads."""

import base64
import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path


class Receiver(BaseHTTPRequestHandler):
    """Takes uploads as the Hub does; puts what is committed into `folder`."""

    protocol_version = "HTTP/1.1"
    commit = "c0ffee" + "0" * 34
    folder: Path
    variables: dict[str, dict[str, str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        _, _, *place, action = self.path.removesuffix("/main").split("/")
        if action == "create":
            asked = json.loads(body)
            repo = f"{asked['organization']}/{asked['name']}"
            kind = {"model": "", "space": "spaces/"}[asked["type"]]
            self.answer({"url": f"http://{self.headers['Host']}/{kind}{repo}", "name": repo})
        elif action == "preupload":
            files = [{"path": file["path"]} for file in json.loads(body)["files"]]
            self.answer(
                {
                    "files": [
                        {**file, "uploadMode": "regular", "shouldIgnore": False} for file in files
                    ]
                }
            )
        elif action == "commit":
            for line in body.splitlines():
                part = json.loads(line)
                if part["key"] == "file":
                    path = self.folder.joinpath(*place, part["value"]["path"])
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(base64.b64decode(part["value"]["content"]))
            url = f"http://{self.headers['Host']}/{'/'.join(place[1:])}/commit/{self.commit}"
            self.answer({"commitOid": self.commit, "commitUrl": url, "success": True})
        elif action == "variables":
            asked = json.loads(body)
            self.variables.setdefault("/".join(place[1:]), {})[asked["key"]] = asked["value"]
            self.answer({})
        else:  # validate-yaml
            self.answer({"errors": [], "warnings": []})

    def do_GET(self) -> None:
        if "/info/refs" in self.path:  # git's own, plain protocol
            self.answer(f"{self.commit}\trefs/heads/main\n")
        elif self.path.endswith("/HEAD"):
            self.answer("ref: refs/heads/main\n")
        else:
            self.answer({})

    def answer(self, content: dict | str) -> None:
        data = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(200)
        self.send_header(
            "Content-Type", "text/plain" if isinstance(content, str) else "application/json"
        )
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_) -> None:
        pass
