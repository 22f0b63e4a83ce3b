"""A small server with the keys of a Keycloak realm, and the access tokens that it would issue."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

KEY_ID = "of-the-tests"


class Realm:
    """``issuer`` is its URL; ``token`` signs claims as Keycloak's access token has them."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}/realms/moebius"
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def keys(self) -> dict[str, Any]:
        public = json.loads(RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": KEY_ID, "use": "sig", "alg": "RS256"}]}

    def claims(self, login: str, *roles: str, **more: Any) -> dict[str, Any]:
        now = int(time.time())
        return {
            "iss": self.issuer, "aud": ["moebius", "account"], "sub": f"id-of-{login}", "typ": "Bearer",
            "iat": now, "exp": now + 300, "azp": "moebius", "preferred_username": login,
            "realm_access": {"roles": ["offline_access", *roles]}, **more,
        }  # fmt: skip

    def token(self, claims: dict[str, Any], key: Any = None, algorithm: str = "RS256") -> str:
        return jwt.encode(claims, key or self.key, algorithm=algorithm, headers={"kid": KEY_ID})


@contextmanager
def realm_running() -> Iterator[Realm]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = json.dumps(realm.keys).encode()
            self.send_response(200 if self.path == "/realms/moebius/protocol/openid-connect/certs" else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        realm = Realm(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield realm
        finally:
            server.shutdown()
            thread.join()
