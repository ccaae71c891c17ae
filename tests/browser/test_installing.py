"""Chromium finds that Roomful can be installed as an app."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from rooms.models import Place
    from tests.browser.conftest import Open

NOT_HERE = {"in-incognito"}  # every context of a test is one


@pytest.mark.usefixtures("place")
def test_it_can_be_installed(open_page: Open, place: Place) -> None:
    page = open_page(path="/accounts/login/")
    chrome = page.context.new_cdp_session(page)
    manifest = chrome.send("Page.getAppManifest")
    assert manifest["url"].endswith("/manifest.webmanifest")
    assert manifest["errors"] == []
    assert json.loads(manifest["data"])["name"] == place.name
    found = chrome.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [each for each in found if each["errorId"] not in NOT_HERE] == []
