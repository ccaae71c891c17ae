"""Signing in by a provider, and with a second factor, in a browser."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import Page, expect

from rooms.models import Place, User
from rooms.second_factor import STEP
from tests.browser.visitor import Company, Visitor, give_password, in_thread
from tests.factories import PASSWORD
from tests.provider import NAME, OF_PROVIDER, OpenIDProvider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.conftest import Open, Watch

OTHER_TIERS = ["no-script", "socket"]  # polling is a matter of open rooms alone


@in_thread
def place_is(**fields: str) -> None:
    Place.objects.update(**fields)


@pytest.fixture
def company() -> Iterator[Company]:
    company = Company.gather()
    place_is(sign_up=Place.SignUp.OPEN)
    yield company
    place_is(sign_up=Place.SignUp.INVITATION, second_factor="nobody")


def code(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // STEP)))


@pytest.mark.parametrize("tier", OTHER_TIERS)
def test_somebody_new_comes_by_a_provider(
    company: Company, provider: OpenIDProvider, open_page: Open, watch: Watch, tier: str
) -> None:
    """Over a form, a page that leads on and three redirects: the policy of the page allows all."""
    watch.allow(OF_PROVIDER)
    name = f"dora-{company.number}-{tier}"
    provider.knows(name, preferred_username=name, name="Dora Dean")
    page = open_page(None, tier, "/accounts/login/")
    page.get_by_role("button", name=f"Continue with {NAME}").click()
    page.get_by_placeholder("sub").fill(name)
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_label("Username", exact=True)).to_have_value(name)
    page.get_by_role("button", name="Make the account").click()
    expect(page).to_have_url(re.compile("/rooms/"))
    expect(page.get_by_text(f"@{name}").first).to_be_attached()


@pytest.mark.parametrize("tier", OTHER_TIERS)
def test_a_second_factor_is_set_up_and_asked_for(
    company: Company, open_page: Open, tier: str
) -> None:
    in_thread(give_password)(company.bob)
    page = open_page(None, tier, "/accounts/login/?next=/accounts/2fa/totp/activate/")
    sign_in(page, company.bob)
    secret = page.locator(".secret").inner_text()
    page.get_by_label("The code that your app shows").fill(code(secret))
    page.get_by_role("button", name="Turn it on").click()
    codes = page.locator(".codes code")
    expect(codes).to_have_count(10)
    recovery = codes.first.inner_text()

    other = open_page(None, tier, "/accounts/login/")
    sign_in(other, company.bob)
    other.get_by_label("Code").fill("000000")
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_text("This code is wrong")).to_be_visible()
    other.get_by_label("Code").fill(recovery)
    other.get_by_role("button", name="Sign in").click()
    expect(other).to_have_url(re.compile("/rooms/"))


def sign_in(page: Page, user: User) -> None:
    page.get_by_label("Username or e-mail").fill(user.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


@pytest.mark.parametrize("tier", OTHER_TIERS)
def test_an_open_room_closes_when_its_reader_must_have_one_and_has_none(
    company: Company, open_page: Open, watch: Watch, tier: str
) -> None:
    watch.allow("status of 401")
    visitor = Visitor(open_page(company.bob, tier, company.path), tier)
    visitor.say("before")
    visitor.sees("before")
    owner = open_page(in_thread(an_owner)(company), "no-script", "/place/second-factor/")
    owner.get_by_label("Everybody").check()
    owner.get_by_role("button", name="Save").click()
    expect(owner.get_by_role("heading", name="Is it you?")).to_be_visible()
    if tier == "socket":
        with visitor.page.context.expect_page() as opened:
            visitor.banner.get_by_role("link", name="Sign in").click()
        expect(opened.value.get_by_role("heading", name="Is it you?")).to_be_visible()
    else:
        expect(visitor.page.frame_locator("#live").get_by_text("signed out")).to_be_visible()
        visitor.go(company.path)
        expect(visitor.page.get_by_role("heading", name="Is it you?")).to_be_visible()


def an_owner(company: Company) -> User:
    User.objects.filter(pk=company.alice.pk).update(role="owner")
    return User.objects.get(pk=company.alice.pk)
