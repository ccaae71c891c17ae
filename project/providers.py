"""Who else may say who somebody is: the providers of identities that the environment names.

GitLab and Google are OpenID Connect providers whose address is known, so that all but GitHub, which is
none, take one way.
"""

import re
from typing import Any
from urllib.parse import urlsplit

from project.environment import is_host, refuse, stop, text

WELL_KNOWN = "/.well-known/openid-configuration"
NAME_LENGTH = 40  # characters; on a button

GITLAB = "https://gitlab.com"
GITHUB = "https://github.com"
GOOGLE = "https://accounts.google.com"

# Under this name Roomful puts who somebody is, and for whom; see rooms/providers/openid.py.
UID = "roomful_uid"

_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


def configured() -> dict[str, dict[str, Any]]:
    """allauth's SOCIALACCOUNT_PROVIDERS, of the providers that somebody has registered Roomful with."""
    openid = [_own(), _openid("gitlab", "GitLab", GITLAB), _openid("google", "Google", GOOGLE)]
    found = {
        "openid_connect": {"APPS": [app for app in openid if app], "OAUTH_PKCE_ENABLED": True},
        "github": _github(),
    }
    return {name: settings for name, settings in found.items() if settings.get("APPS")}


def _own() -> dict[str, Any] | None:
    """Any provider at all."""
    server, name = address("OIDC_SERVER_URL"), text("OIDC_NAME")
    if len(name) > NAME_LENGTH:
        refuse("OIDC_NAME", f"{len(name)} characters long", f"it may have at most {NAME_LENGTH}")
    app = _client("oidc", "SERVER_URL")
    if app is None:
        return None
    name = name or (urlsplit(server).hostname or "")[:NAME_LENGTH]
    return {**app, "name": name, "settings": {"server_url": server, "uid_field": UID}}


def _openid(provider: str, name: str, default: str) -> dict[str, Any] | None:
    server = (address("GITLAB_URL") if provider == "gitlab" else "") or default
    app = _client(provider)
    return app and {**app, "name": name, "settings": {"server_url": server, "uid_field": UID}}


def _github() -> dict[str, Any]:
    server = address("GITHUB_URL")
    app = _client("github")
    if app is None:
        return {}
    if server and server != GITHUB:
        # A number says who somebody is on one server only.
        app["provider_id"] = f"github:{urlsplit(server).netloc}"
        return {"APPS": [app], "GITHUB_URL": server, "OAUTH_PKCE_ENABLED": True}
    return {"APPS": [app], "OAUTH_PKCE_ENABLED": True}


def _client(provider: str, *more: str) -> dict[str, Any] | None:
    """As what the provider knows Roomful; None if it does not."""
    names = [f"{provider.upper()}_{end}" for end in ("CLIENT_ID", "CLIENT_SECRET", *more)]
    values = {name: text(name) for name in names}
    there, missing = [n for n in names if values[n]], [n for n in names if not values[n]]
    if not there:
        return None
    if missing:
        stop(
            f"{there[0]} is set, but {missing[0]} is not, and neither is of use without the other."
        )
    client_id, secret = values[names[0]], values[names[1]]
    return {"provider_id": provider, "client_id": client_id, "secret": secret}


def address(name: str) -> str:
    """A server's web address, without what every such server has after it; "" without the variable.
    Whoever stands between here and there could be anybody, so it is https."""
    value = text(name).rstrip("/").removesuffix(WELL_KNOWN).rstrip("/")
    if not value:
        return ""
    allowed = 'it must be a web address such as "https://id.example.org/realms/club"'
    try:
        parts = urlsplit(value)
        _ = parts.port  # only reading it finds a port that is no number
    except ValueError:
        refuse(name, f'"{value}"', allowed)
    if "@" in parts.netloc:
        refuse(name, "not shown here because it contains a user or a password", allowed)
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not is_host(host) or parts.query or parts.fragment:
        refuse(name, f'"{value}"', allowed)
    if not re.fullmatch(r"[!-~]+", value):
        refuse(name, f'"{value}"', allowed)
    if parts.scheme == "http" and host not in _THIS_MACHINE:
        refuse(name, f'"{value}"', "it must begin with https:// unless it is on this machine")
    return value
