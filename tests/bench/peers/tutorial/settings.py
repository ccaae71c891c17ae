"""What `django-admin startproject` makes and the tutorial adds, without the admin."""

import os

SECRET_KEY = "only for measurements on this machine, where nobody else can reach it"
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = [
    "daphne",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
]
ROOT_URLCONF = "tests.bench.peers.tutorial.routing"
MIDDLEWARE: list[str] = []
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DATABASE"]}}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            # As an address, since redis-py 8 would else break off whoever waits for 5 seconds.
            "hosts": [{"address": os.environ["REDIS_URL"], "socket_timeout": None}],
        },
    },
}
USE_TZ = True
