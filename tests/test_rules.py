"""What the project promises about its own source: no JavaScript of ours, and who may know whom."""

import ast
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.process import REPOSITORY

SCRIPTS = {".js", ".mjs", ".cjs", ".ts", ".mts", ".jsx", ".tsx", ".coffee", ".wasm"}


def files(*folders: str) -> list[Path]:
    """What is in the repository, or would be with the next commit."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *folders],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [REPOSITORY / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def markup() -> list[Path]:
    found = [path for path in files("templates", "static", "rooms") if path.suffix in MARKUP]
    assert found
    return found


MARKUP = {".html", ".svg", ".xml"}


class Offences(HTMLParser):
    """Everything in a piece of markup that would run, or style, what is not a file of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    @classmethod
    def of(cls, source: str) -> list[str]:
        parser = cls()
        # Comments go nowhere, and between attributes a template tag would hide the next one's name.
        source = re.sub(r"{%\s*comment.*?endcomment\s*%}", "", source, flags=re.DOTALL)
        parser.feed(re.sub(r"{#.*?#}|{%.*?%}", " ", source))
        parser.close()
        return parser.found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "style"}:
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            self._attribute(name, value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def _attribute(self, name: str, value: str) -> None:
        bare = name.removeprefix("data-")
        if name.startswith("on") or name in {"style", "srcdoc"}:
            self.found.append(name)
        if bare.startswith("hx-on") or bare == "hx-vars":
            self.found.append(name)
        if bare == "hx-trigger" and "[" in value:
            self.found.append(f"{name}={value}")
        if bare.startswith(("hx-", "ws-")) and re.search(r"\b(js|javascript):", value):
            self.found.append(f"{name}={value}")
        if name in {"href", "src", "action", "formaction", "xlink:href"} and re.match(
            r"\s*(javascript|vbscript|data:text)\b", value, re.IGNORECASE
        ):
            self.found.append(f"{name}={value}")


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        '<script src="{% static "x" %}"></script>',
        "<style>p { color: red }</style>",
        '<p onclick="f()">',
        '<p {% if a %}onclick="f()"{% endif %}>',
        '<p style="color: red">',
        '<p hx-on:click="f()">',
        '<p hx-on::after-request="f()">',
        '<p data-hx-on-click="f()">',
        "<p hx-vals='js:{a: f()}'>",
        '<p hx-headers="javascript:f()">',
        '<p hx-vars="a:f()">',
        """<p hx-trigger="keyup[key=='Enter']">""",
        '<a href="javascript:f()">',
        '<iframe srcdoc="<b>"></iframe>',
        "<svg><script>f()</script></svg>",
    ],
)
def test_the_rule_sees(source: str) -> None:
    assert Offences.of(source)


@pytest.mark.parametrize(
    "source",
    [
        "{# <script>never</script> #}<p>",
        '<p hx-trigger="every 3s, submit from:#x" hx-vals=\'{"a": "b"}\' class="on">',
        '<a href="{% url "rooms" %}">Why no onclick="…"?</a>',
    ],
)
def test_the_rule_lets_pass(source: str) -> None:
    assert Offences.of(source) == []


def test_no_script_is_in_the_repository() -> None:
    paths = files()
    assert REPOSITORY / "manage.py" in paths
    assert [path for path in paths if path.suffix in SCRIPTS] == []


@pytest.mark.parametrize("path", markup(), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_nothing_inline_runs_or_styles(path: Path) -> None:
    assert Offences.of(path.read_text()) == []


def test_no_python_source_writes_a_script() -> None:
    guilty = [
        path
        for path in files("rooms", "project")
        if path.suffix == ".py" and re.search(r"<script|<style|\bhx-on|\bjs:", path.read_text())
    ]
    assert guilty == []


def imports(path: Path) -> set[str]:
    """The absolute names of all that a module imports, inside functions too."""
    package = list(path.relative_to(REPOSITORY).with_suffix("").parts)
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level] if node.level else []
            origin = ".".join([*base, *(node.module or "").split(".")]).rstrip(".")
            found |= {f"{origin}.{alias.name}" for alias in node.names}
    return found


def python(folder: str) -> list[Path]:
    found = [path for path in files(folder) if path.suffix == ".py"]
    assert found
    return found


def imported(folder: str, *forbidden: str) -> list[str]:
    return [
        f"{path.relative_to(REPOSITORY)} imports {name}"
        for path in python(folder)
        for name in sorted(imports(path))
        if f"{name}.".startswith(tuple(f"{module}." for module in forbidden))
    ]


def test_models_know_nothing_of_requests_sockets_or_html() -> None:
    assert imported("rooms/models", "django.db.models"), "the rule sees nothing"
    assert not imported(
        "rooms/models",
        "rooms.views",
        "rooms.live",
        "rooms.forms",
        "rooms.urls",
        "rooms.middleware",
        "rooms.context",
        "channels.consumer",
        "channels.generic",
        "django.http",
        "django.shortcuts",
        "django.template",
        "django.urls",
        "django_htmx",
    )


def test_what_moves_knows_no_views() -> None:
    assert not imported("rooms/live", "rooms.views", "rooms.urls", "rooms.middleware")


def test_one_file_announces() -> None:
    senders = [path for path in python("rooms") if "group_send" in path.read_text()]
    assert len(senders) == 1, senders
