"""Secrets that have to be read again, kept so that the database alone does not betray them."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


class SecretLost(Exception):
    """The place has another secret key than when it was kept."""


def seal(purpose: str, secret: str) -> str:
    return _cipher(purpose).encrypt(secret.encode()).decode()


def unseal(purpose: str, sealed: str) -> str:
    """Raises `SecretLost`."""
    try:
        return _cipher(purpose).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise SecretLost from error


def _cipher(purpose: str) -> Fernet:
    key = hashlib.sha256(f"{purpose}\n{settings.SECRET_KEY}".encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
