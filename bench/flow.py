"""Drives the authorization server as a client and a person would: registration, login and consent through the real forms, tokens."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import http.client
import json
import secrets
import urllib.parse

REDIRECT_URI = "http://127.0.0.1:9/callback"


class Form(html.parser.HTMLParser):
    """The first form of a page that has a field or button called `marker`: its action and its hidden fields."""

    def __init__(self, page: str, marker: str) -> None:
        super().__init__()
        self.action, self.fields, self._marker, self._open = "", {}, marker, None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "form":
            self._open = (attributes.get("action") or "", {}, [])
        elif self._open and tag in ("input", "button") and attributes.get("name"):
            self._open[2].append(attributes["name"])
            if attributes.get("type") == "hidden":
                self._open[1][attributes["name"]] = attributes.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._open:
            if self._marker in self._open[2] and not self.action:
                self.action, self.fields = self._open[0], self._open[1]
            self._open = None


class Client:
    """One browser and one public client of an authorization server on 127.0.0.1."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self._cookies: dict[str, str] = {}
        registration = {
            "redirect_uris": [REDIRECT_URI],
            "client_name": "bench",
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        }
        self.client_id = json.loads(self.request("POST", "/register", json.dumps(registration), "application/json")[2])[
            "client_id"
        ]

    def request(
        self, method: str, target: str, body: str | None = None, kind: str = "", **headers: str
    ) -> tuple[int, str, bytes]:
        """Status, Location and body of one request, cookies kept."""
        parts = urllib.parse.urlsplit(target)
        path = urllib.parse.urlunsplit(("", "", parts.path, parts.query, ""))
        if kind:
            headers["Content-Type"] = kind
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        for cookie in response.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.split(";")[0].partition("=")
            self._cookies[name] = value
            if "Max-Age=0" in cookie:
                del self._cookies[name]
        return response.status, response.getheader("Location") or "", response.read()

    def submit(self, page: bytes, marker: str, **values: str) -> tuple[int, str, bytes]:
        form = Form(page.decode(), marker)
        fields = urllib.parse.urlencode(form.fields | values)
        return self.request("POST", form.action, fields, "application/x-www-form-urlencoded")

    def authorize(self, email: str, password: str, resource: str, scope: str) -> dict:
        """The tokens of one whole authorization."""
        self._cookies = {name: value for name, value in self._cookies.items() if "aa_tx_" not in name}
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT_URI,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "resource": resource,
            "scope": scope,
        }
        status, location, page = self.request("GET", "/authorize?" + urllib.parse.urlencode(query))
        while not location.startswith(REDIRECT_URI):
            if status in (302, 303):
                status, location, page = self.request("GET", location)
            elif b'type="password"' in page:
                status, location, page = self.submit(page, "password", email=email, password=password)
            else:
                status, location, page = self.submit(page, "decision", decision="allow")
            if status >= 400:
                raise RuntimeError(f"the flow ended with {status}")
        code = urllib.parse.parse_qs(urllib.parse.urlsplit(location).query)["code"][0]
        return self.token(grant_type="authorization_code", code=code, code_verifier=verifier, redirect_uri=REDIRECT_URI)

    def token(self, **fields: str) -> dict:
        body = urllib.parse.urlencode(fields | {"client_id": self.client_id})
        status, _, answer = self.request("POST", "/token", body, "application/x-www-form-urlencoded")
        if status != 200:
            raise RuntimeError(f"the token endpoint answered {status}")
        return json.loads(answer)

    def refresh(self, refresh_token: str) -> dict:
        return self.token(grant_type="refresh_token", refresh_token=refresh_token)
