"""A stock Django on daphne with two views for whoever is signed in: an empty page, and one that
inserts one row."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.bench.peers import Daphne
from tests.process import REPOSITORY, environment

ARRANGE = """
import json, sys
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
call_command("migrate", verbosity=0)
cookies = []
for number in range(int(sys.argv[1])):
    client = Client()
    client.force_login(User.objects.create_user(f"user-{number}"))
    cookies.append(f"sessionid={client.cookies['sessionid'].value}")
print(json.dumps(cookies))
"""


class Stock(Daphne):
    name = "stock Django"
    application = "tests.bench.peers.stock.asgi:application"

    def __init__(self, people: int) -> None:
        super().__init__()
        self.cookies = self._arrange(people)

    def variables(self) -> dict[str, str]:
        return {
            "DATABASE": str(self.folder / "db.sqlite3"),
            "DJANGO_SETTINGS_MODULE": "tests.bench.peers.stock.settings",
        }

    def _arrange(self, people: int) -> list[str]:
        code = f"import django; django.setup()\n{ARRANGE}"
        done = subprocess.run(
            [sys.executable, "-c", code, str(people)],
            cwd=REPOSITORY,
            env=environment(**self.variables()),
            stdout=subprocess.PIPE,
            check=True,
        )
        cookies: list[str] = json.loads(done.stdout)
        return cookies
