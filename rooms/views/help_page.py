"""How to write, which keys there are, and what works where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from rooms.keys import ACCESS_KEYS
from rooms.text import to_html

if TYPE_CHECKING:
    from django.http import HttpResponse

    from rooms.views.doors import AuthenticatedHttpRequest

# Each is shown as it is typed and as it then looks, by what makes messages of it.
EXAMPLES = [
    _("**bold** and *slanted*"),
    _("~~crossed out~~"),
    _("[words](https://example.org) that lead to a page"),
    _("> what somebody else said"),
    _("- milk\n- bread"),
    _("1. fill it\n2. switch it on"),
    _("the switch `S1`"),
    "```python\nfor cup in cups:\n    cup.fill()\n```",
    _("| what | where |\n|---|---|\n| kettle | bench 3 |"),
    ":tea: :tada:",
    _("\\*as it is\\*"),
]


@require_GET
@login_required
def show(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The page of help."""
    examples = [(typed, to_html(str(typed))) for typed in EXAMPLES]
    return render(request, "rooms/help.html", {"examples": examples, "keys": ACCESS_KEYS.values()})
