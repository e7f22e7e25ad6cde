"""Debian's `docker-registry` as a process of its own on a free port of 127.0.0.1: plain, with passwords, with a token service, over TLS.

Nothing here knows layerkit: requests are made with Python's own HTTP client, so that a test can ask the registry what it has.
"""

import base64
import http.client
import json
import os
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

USER, PASSWORD = "ann", "pass:word"

MANIFESTS = ", ".join(
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]
)


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """A certificate authority, made with openssl, and what it has signed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder, self.certificate, self.key = folder, folder / "ca.crt", folder / "ca.key"
        openssl(
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            2,
            "-subj",
            "/CN=layerkit test CA",
            "-keyout",
            self.key,
            "-out",
            self.certificate,
        )

    def sign(self, name: str, use: str) -> tuple[Path, Path]:
        """Certificate and key for 127.0.0.1, `use` being `serverAuth` or `clientAuth`."""
        key, request, certificate, extensions = (self.folder / f"{name}.{end}" for end in ("key", "csr", "cert", "ext"))
        extensions.write_text(f"subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage={use}\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        signed = ["-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", 2, "-extfile", extensions]
        openssl("x509", "-req", "-in", request, "-out", certificate, *signed)
        return certificate, key


def _url_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenService:
    """Signs the tokens that docker-registry wants, for one user; anybody may pull from repositories below `public/`.

    Without `identity_tokens` the OAuth2 POST is not there, as in simple services.
    """

    SERVICE, ISSUER = "registry.test", "token.test"

    def __init__(self, folder: Path, identity_tokens: bool = False) -> None:
        authority = Authority(folder / "tokens")
        self.bundle, self.key = authority.certificate, authority.key
        pem = self.bundle.read_text().split("-----")[2]
        self.chain = ["".join(pem.split())]
        self.identity_tokens = identity_tokens
        #: How each token was asked for: `anonymous`, `password`, `refresh`, with the scopes.
        self.asked: list[tuple[str, list[str]]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *arguments: object) -> None:
                pass

            def answer(self, status: int, document: object) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                if status == 401:
                    self.send_header("WWW-Authenticate", "Basic")
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
                scopes = [scope for given in query.get("scope", []) for scope in given.split(" ")]
                known = False
                if given := self.headers.get("Authorization"):
                    known = base64.b64decode(given.removeprefix("Basic ")).decode() == f"{USER}:{PASSWORD}"
                    if not known:
                        return self.answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "wrong user or password"}]})
                service.asked.append(("password" if known else "anonymous", scopes))
                answer = {"token": service.token(scopes, known), "expires_in": 300}
                if known and service.identity_tokens and query.get("offline_token") == ["true"]:
                    answer["refresh_token"] = "refresh-" + USER
                return self.answer(200, answer)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                form = urllib.parse.parse_qs(body)
                if not service.identity_tokens:
                    return self.answer(404, {})
                scopes = form.get("scope", [""])[0].split()
                by_password = form.get("username") == [USER] and form.get("password") == [PASSWORD]
                if not by_password and form.get("refresh_token") != ["refresh-" + USER]:
                    return self.answer(401, {"error": "invalid_grant"})
                service.asked.append(("password" if by_password else "refresh", scopes))
                answer = {"access_token": service.token(scopes, True), "expires_in": 300, "refresh_token": "refresh-" + USER}
                return self.answer(200, answer)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/token"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def token(self, scopes: list[str], known: bool) -> str:
        access = []
        for scope in filter(None, scopes):
            kind, name, actions = scope.rsplit(":", 1)[0].split(":", 1) + [scope.rsplit(":", 1)[1]]
            granted = [action for action in actions.split(",") if known or (action == "pull" and name.startswith("public/"))]
            access.append({"type": kind, "name": name, "actions": granted})
        now = int(time.time())
        times = {"iat": now, "nbf": now - 10, "exp": now + 300}
        claims = {
            "iss": self.ISSUER,
            "sub": USER if known else "",
            "aud": self.SERVICE,
            "jti": os.urandom(8).hex(),
            "access": access,
            **times,
        }
        header = {"typ": "JWT", "alg": "RS256", "x5c": self.chain}
        text = f"{_url_base64(json.dumps(header).encode())}.{_url_base64(json.dumps(claims).encode())}"
        sign = ["openssl", "dgst", "-sha256", "-sign", str(self.key)]
        signature = subprocess.run(sign, input=text.encode(), stdout=subprocess.PIPE, check=True).stdout
        return f"{text}.{_url_base64(signature)}"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class DockerRegistry:
    """One `docker-registry`. `host` is what stands in front of an image's name."""

    def __init__(
        self,
        folder: Path,
        *,
        passwords: bool = False,
        tokens: TokenService | None = None,
        authority: Authority | None = None,
        client_certificates: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.authority, self.folder = authority, folder
        self.client = authority.sign("client", "clientAuth") if authority and client_certificates else None
        config: dict[str, object] = {
            "version": "0.1",
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        }
        if passwords:
            line = subprocess.run(["htpasswd", "-Bbn", USER, PASSWORD], check=True, capture_output=True, text=True).stdout
            (folder / "htpasswd").write_text(line)
            config["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
        if tokens:
            bundle = str(tokens.bundle)
            config["auth"] = {
                "token": {"realm": tokens.url, "service": tokens.SERVICE, "issuer": tokens.ISSUER, "rootcertbundle": bundle}
            }
        listening: dict[str, object] = {}
        if authority:
            certificate, key = authority.sign("server", "serverAuth")
            listening["tls"] = {"certificate": str(certificate), "key": str(key)}
            if self.client:
                listening["tls"] = {"certificate": str(certificate), "key": str(key), "clientcas": [str(authority.certificate)]}
        # Somebody else may take the port in between: then the process ends, and there is another try.
        for _ in range(5):
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.port = free.getsockname()[1]
            self.host = f"127.0.0.1:{self.port}"
            config["http"] = {**listening, "addr": self.host}
            # JSON is YAML.
            (folder / "config.yml").write_text(json.dumps(config))
            self.log = folder / "registry.log"
            with open(self.log, "wb") as log:
                command = ["docker-registry", "serve", str(folder / "config.yml")]
                self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            if self._serves():
                return
        raise AssertionError(f"docker-registry did not answer:\n{self.log.read_text()}")

    def _serves(self) -> bool:
        for _ in range(300):
            if self.process.poll() is not None:
                return False
            try:
                self.request("GET", "/v2/")
                return True
            except OSError:
                time.sleep(0.05)
        self.stop()
        return False

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """One request by another client than ours: status, headers in lower case, and body. Only where no token is needed."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers["Authorization"] = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        connection: http.client.HTTPConnection
        if self.authority:
            context = ssl.create_default_context(cafile=str(self.authority.certificate))
            if self.client:
                context.load_cert_chain(*self.client)
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def manifest(self, repository: str, reference: str) -> tuple[str, dict[str, object]]:
        """Digest and content of a manifest or index."""
        status, headers, body = self.request("GET", f"/v2/{repository}/manifests/{reference}", Accept=MANIFESTS)
        assert status == 200, (status, body)
        return headers["docker-content-digest"], json.loads(body)

    def has(self, repository: str, reference: str) -> bool:
        return self.request("HEAD", f"/v2/{repository}/manifests/{reference}", Accept=MANIFESTS)[0] == 200

    def put_manifest(self, repository: str, reference: str, media_type: str, document: dict[str, object]) -> str:
        body = json.dumps(document).encode()
        status, headers, answer = self.request("PUT", f"/v2/{repository}/manifests/{reference}", body, Content_Type=media_type)
        assert status == 201, (status, answer)
        return headers["docker-content-digest"]

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(30)
