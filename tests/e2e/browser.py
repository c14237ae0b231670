"""A person at a browser without JavaScript, and a client that gets its tokens with the person's help."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import html.parser
import secrets
import urllib.parse
from collections.abc import Callable

import httpx

STEPS_MAX = 12


@dataclasses.dataclass
class Form:
    action: str
    method: str
    controls: list[dict[str, str]] = dataclasses.field(default_factory=list)

    def has(self, **attributes: str) -> bool:
        return any(attributes.items() <= control.items() for control in self.controls)

    def hidden(self) -> dict[str, str]:
        return {
            control["name"]: control.get("value", "") for control in self.controls if control.get("type") == "hidden"
        }


class Page(html.parser.HTMLParser):
    """The forms of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open: Form | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(attributes.get("action", ""), attributes.get("method", "get").upper())
            self.forms.append(self._open)
        elif self._open and tag in ("input", "button") and "name" in attributes:
            self._open.controls.append(attributes)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None

    def form(self, **attributes: str) -> Form | None:
        """The first form with such a control."""
        return next((form for form in self.forms if form.has(**attributes)), None)


class Browser:
    def __init__(self, email: str, password: str) -> None:
        self._http = httpx.Client(timeout=20)
        self._person = {"email": email, "password": password}
        self.visits: list[list[str]] = []  # what the person saw at each authorization
        self.consent_page = ""
        self.before_consent: Callable[[], None] = lambda: None  # called with the page of consent open

    def close(self) -> None:
        self._http.close()

    def _open(self, request: httpx.Request, until: str) -> httpx.Response | str:
        """One request and every redirect after it; the address once it begins with `until`."""
        for _ in range(STEPS_MAX):
            response = self._http.send(request)
            if not response.has_redirect_location:
                return response
            request = response.next_request
            if str(request.url).startswith(until):
                return str(request.url)
        raise AssertionError(f"more than {STEPS_MAX} redirects, the last to {request.url.host}{request.url.path}")

    def _submit(self, response: httpx.Response, form: Form, typed: dict[str, str], until: str) -> httpx.Response | str:
        url = response.url.join(form.action)
        origin = f"{url.scheme}://{url.netloc.decode()}"
        request = self._http.build_request(form.method, url, data=form.hidden() | typed, headers={"Origin": origin})
        return self._open(request, until)

    def authorize(self, url: str, redirect_uri: str) -> dict[str, str]:
        """Follows an authorization request to its end, logging in and approving; the callback's parameters."""
        seen: list[str] = []
        self.visits.append(seen)
        reached = self._open(self._http.build_request("GET", url), redirect_uri)
        while not isinstance(reached, str):
            page = Page(reached.text)
            if login := page.form(type="password"):
                seen.append("login")
                reached = self._submit(reached, login, self._person, redirect_uri)
            elif consent := page.form(name="decision"):
                seen.append("consent")
                self.consent_page = reached.text
                self.before_consent()
                reached = self._submit(reached, consent, {"decision": "allow"}, redirect_uri)
            else:
                raise AssertionError(f"{reached.status_code}: a page with nothing to do at {reached.url.path}")
            assert len(seen) < STEPS_MAX, seen
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(reached).query))


REDIRECT_URI = "http://127.0.0.1:9/callback"


@dataclasses.dataclass
class PublicClient:
    """A client that has just registered itself, and its requests to the token endpoint."""

    metadata: dict
    client_id: str = ""

    def __post_init__(self) -> None:
        registration = {
            "client_name": "An e2e client",
            "redirect_uris": [REDIRECT_URI],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        }
        answer = httpx.post(self.metadata["registration_endpoint"], json=registration).raise_for_status()
        self.client_id = answer.json()["client_id"]

    def obtain_code(self, browser: Browser, resource: str, scope: str) -> dict[str, str]:
        """What is to be sent to the token endpoint once a person has approved."""
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT_URI,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "resource": resource,
            "scope": scope,
        }
        url = f"{self.metadata['authorization_endpoint']}?{urllib.parse.urlencode(query)}"
        code = browser.authorize(url, REDIRECT_URI)["code"]
        return {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT_URI,
            "code_verifier": verifier,
        }

    def ask(self, fields: dict[str, str], endpoint: str | None = None) -> httpx.Response:
        url = endpoint or self.metadata["token_endpoint"]
        return httpx.post(url, data=fields | {"client_id": self.client_id}, timeout=20)

    def refresh(self, refresh_token: str, endpoint: str | None = None) -> httpx.Response:
        return self.ask({"grant_type": "refresh_token", "refresh_token": refresh_token}, endpoint)

    def obtain_tokens(self, browser: Browser, resource: str, scope: str) -> dict:
        """What the token endpoint answers at the end of one whole authorization."""
        return self.ask(self.obtain_code(browser, resource, scope)).raise_for_status().json()
