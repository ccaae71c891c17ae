"""What a provider of identities says, believed only as far as it is signed and meant for this sign-in."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import jwt
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.providers.github.views import GitHubOAuth2Adapter
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.core.exceptions import ImproperlyConfigured

from project.providers import UID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allauth.socialaccount.models import SocialLogin
    from django.http import HttpRequest

SKEW = 120  # seconds that a provider's clock may be off
# A key that both sides know, or none at all, proves nothing to whoever else has it.
ALGORITHMS = [
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
]


@contextmanager
def nonsense_refused() -> Iterator[None]:
    """An answer that is not what was agreed on is the provider's error, not one of ours."""
    try:
        yield
    except (
        AttributeError,
        ImproperlyConfigured,
        LookupError,
        TypeError,
        ValueError,
        jwt.PyJWTError,
    ) as error:
        raise OAuth2Error(f"{type(error).__name__}: {error}") from error


class GitHubAdapter(GitHubOAuth2Adapter):
    def get_access_token_data(self, *args: Any, **kwargs: Any) -> Any:
        with nonsense_refused():
            return super().get_access_token_data(*args, **kwargs)

    def complete_login(self, *args: Any, **kwargs: Any) -> SocialLogin:
        with nonsense_refused():
            return super().complete_login(*args, **kwargs)


class OpenIDAdapter(OpenIDConnectOAuth2Adapter):
    """allauth's, stricter: it always checks the signature, and whether what is signed answers the very
    question that this browser was sent with; and less strict about clocks."""

    nonce = ""  # that the provider was asked to sign

    @property
    def basic_auth(self) -> bool:
        """Where the provider does not say how Roomful is to show who it is, the standard does."""
        methods = self.openid_config.get("token_endpoint_auth_methods_supported")
        return "client_secret_post" not in (methods or ["client_secret_basic"])

    def get_client(self, *args: Any, **kwargs: Any) -> Any:
        with nonsense_refused():
            return super().get_client(*args, **kwargs)

    def get_access_token_data(self, *args: Any, **kwargs: Any) -> Any:
        with nonsense_refused():
            return super().get_access_token_data(*args, **kwargs)

    def complete_login(
        self, request: HttpRequest, app: Any, token: Any, **kwargs: Any
    ) -> SocialLogin:
        with nonsense_refused():
            claims = self._signed(app.client_id, kwargs["response"]["id_token"])
            said = {**claims, **self._told(token.token, claims["sub"])}
            # Who is who is the provider's to say, so a subject counts together with its issuer: with
            # another server's address in the settings nobody becomes somebody else.
            identity = f"{claims['iss']}\n{claims['sub']}"
            said[UID] = hashlib.sha256(identity.encode()).hexdigest()
            # Some providers write it as a word.
            said["email_verified"] = said.get("email_verified") in (True, "true")
            return self.get_provider().sociallogin_from_response(request, {"userinfo": said})

    def _signed(self, client_id: str, id_token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(id_token)
        claims: dict[str, Any] = jwt.decode(
            id_token,
            self._key(header.get("kid"), header["alg"]),
            algorithms=ALGORITHMS,
            issuer=self.openid_config["issuer"],
            audience=client_id,
            leeway=SKEW,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
        if claims.get("azp", client_id) != client_id:
            raise OAuth2Error("the token was made for somebody else")
        if not self.nonce or claims.get("nonce") != self.nonce:
            raise OAuth2Error("the token answers another question")
        return claims

    def _key(self, kid: str | None, algorithm: str) -> jwt.PyJWK:
        with get_adapter().get_requests_session() as session:
            answer = session.get(self.openid_config["jwks_uri"])
            answer.raise_for_status()
            keys = jwt.PyJWKSet.from_dict(answer.json()).keys
        fitting = [key for key in keys if kid in (None, key.key_id) and key.public_key_use != "enc"]
        of_the_kind = [key for key in fitting if key.algorithm_name == algorithm] or fitting
        if len(of_the_kind) != 1:
            raise OAuth2Error(f"{len(of_the_kind)} keys called {kid!r}")
        return of_the_kind[0]

    def _told(self, access_token: str, subject: str) -> dict[str, Any]:
        """What the provider tells besides of whom the token is about; {} where it does not."""
        if "userinfo_endpoint" not in self.openid_config:
            return {}
        told: dict[str, Any] = self._fetch_user_info(access_token)
        if told["sub"] != subject:
            raise OAuth2Error("the token is about somebody else")
        return told
