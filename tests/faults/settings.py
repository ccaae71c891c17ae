"""Those of the project, with a channel layer between the processes that does badly what it does."""

import os

from project.settings import *  # noqa: F403
from project.settings import CHANNEL_LAYERS

CHANNEL_LAYERS["default"]["BACKEND"] = "tests.faulty_layer.FaultyRedisLayer"
CHANNEL_LAYERS["default"]["CONFIG"]["seed"] = int(os.environ["SEED"])
