"""Which static files are Roomful's."""

from typing import Any

from django.apps import apps
from django.contrib.staticfiles.finders import AppDirectoriesFinder

# Its pages, with their scripts, are not shown here: rooms/api has one of its own.
WITHOUT_ITS_FILES = {"rest_framework"}


class AppFinder(AppDirectoriesFinder):
    """Django's, but for libraries of which only the code is used."""

    def __init__(self, app_names: Any = None, *args: Any, **kwargs: Any) -> None:
        names = {app.name for app in apps.get_app_configs()} - WITHOUT_ITS_FILES
        super().__init__(app_names or names, *args, **kwargs)
