"""Which language somebody reads."""

from __future__ import annotations

from django.conf import settings


def languages() -> list[tuple[str, str]]:
    """The codes of those that Roomful speaks, each with its own name."""
    return list(settings.LANGUAGES)


def spoken(language: str | None) -> str:
    """The language, if Roomful speaks it (any more), else ""."""
    return language if language and language in dict(settings.LANGUAGES) else ""
