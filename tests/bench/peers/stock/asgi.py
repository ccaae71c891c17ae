import os

from django.core.asgi import get_asgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.peers.stock.settings"
application = get_asgi_application()

from django.db import connections  # noqa: E402

# As Roomful does: else each request that writes would close the log for good, and wait for the disk.
kept = connections["default"].copy()
with kept.cursor() as cursor:
    cursor.execute("SELECT 1 FROM django_migrations")
