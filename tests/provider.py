"""A real OpenID provider, a process of its own, and a visitor who signs in by it.

What it is like otherwise: whoever says at it who they are is believed.
"""

from __future__ import annotations

import re
import sys
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.services import Service

if TYPE_CHECKING:
    from django.test import Client
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

NAME = "Club accounts"
# What a browser says of the provider's own pages.
OF_PROVIDER = r"cdn\.jsdelivr\.net|favicon\.ico"
ONWARD = re.compile(r'<meta http-equiv="refresh" content="0; url=([^"]+)">')


class OpenIDProvider(Service):
    """Speaks discovery, authorisation, tokens signed by RS256, keys and userinfo."""

    def __init__(self) -> None:
        super().__init__("openid")
        self.url = f"http://127.0.0.1:{self.port}"

    def command(self) -> str:
        return f"{sys.executable} -m oidc_provider_mock --port {self.port} --require-nonce true"

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/.well-known/openid-configuration").is_success
        except httpx.HTTPError:
            return False

    @property
    def variables_of_roomful(self) -> dict[str, str]:
        return {
            "OIDC_SERVER_URL": self.url,
            "OIDC_CLIENT_ID": "roomful",
            "OIDC_CLIENT_SECRET": "a secret",
            "OIDC_NAME": NAME,
        }

    def knows(self, subject: str, **claims: Any) -> None:
        """Somebody has an account there."""
        httpx.put(f"{self.url}/users/{subject}", json=claims).raise_for_status()

    def lets(self, subject: str, address: str) -> str:
        """Somebody whom Roomful sent to `address` says who they are. Returns where they are sent to."""
        return self._answered(address, sub=subject)

    def denies(self, address: str) -> str:
        return self._answered(address, action="deny")

    @staticmethod
    def _answered(address: str, **form: str) -> str:
        answer = httpx.post(address, data=form)
        assert answer.is_redirect, answer.text
        parts = urlsplit(answer.headers["Location"])
        return f"{parts.path}?{parts.query}"


def onward(response: Answer) -> str:
    """Where a page of Roomful sends its visitor to by itself."""
    assert response.status_code == 200, response.content
    found = ONWARD.search(response.content.decode())
    assert found, response.content
    return unescape(found[1])


def asked(address: str) -> dict[str, str]:
    """What the provider is asked with an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def sent(client: Client, name: str = "oidc", **form: str) -> str:
    """Presses the button of a provider. Returns the address there."""
    return onward(client.post(f"/accounts/{name}/login/", form))


def comes_by(
    client: Client, provider: OpenIDProvider, subject: str, name: str = "oidc", **form: str
) -> Answer:
    """All the way there and back."""
    returned: Answer = client.get(provider.lets(subject, sent(client, name, **form)))
    return returned
