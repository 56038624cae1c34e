"""The pages that visitors see, in the site's language and without scripts."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

from markupsafe import Markup

from .web import Answer

STYLE = Markup(
    "body { font: 1.1rem/1.5 sans-serif; max-width: 24rem; margin: 12vh auto; padding: 0 1rem; color: #333 } "
    "h1 { line-height: 1.2 } "
    "label { display: block; margin-top: 1rem } "
    "input:not([type=checkbox]) { box-sizing: border-box; width: 100%; padding: .4rem; font: inherit } "
    "button { margin-top: 1.5rem; padding: .4rem 1.2rem; font: inherit } "
    "[role=alert] { border-left: .3rem solid #b00; padding-left: .7rem }"
)
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    (
        "Content-Security-Policy",
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
)
TEXTS: dict[str, dict[str, str]] = json.loads(Path(__file__).with_name("texts.json").read_text(encoding="utf-8"))

PAGE = Markup("""\
<!doctype html>
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<title>{title} · {host}</title>
<style>{style}</style>
<main>
<h1>{title}</h1>
<p>{host}</p>
{body}
</main>
</html>
""")
LOGIN = Markup("""\
{notice}<form method="post" action="/.chainsaw/login">
<input type="hidden" name="token" value="{token}">
<input type="hidden" name="to" value="{to}">
<label for="user">{user}</label>
<input id="user" name="user" value="{name}" maxlength="64" required autocomplete="username" autocapitalize="none" \
spellcheck="false"{first}>
<label for="password">{password}</label>
<input id="password" name="password" type="password" maxlength="256" required autocomplete="current-password"{second}>
<label><input type="checkbox" name="keep" value="1"> {keep}</label>
<button>{submit}</button>
</form>""")
CODE = Markup("""\
{notice}<form method="post" action="/.chainsaw/login">
<input type="hidden" name="token" value="{token}">
<input type="hidden" name="to" value="{to}">
<input type="hidden" name="ticket" value="{ticket}">
<label for="code">{code}</label>
<input id="code" name="code" maxlength="12" required autocomplete="one-time-code" inputmode="numeric" \
aria-describedby="help" autofocus>
<p id="help">{code_help}</p>
<button>{submit}</button>
</form>""")
INSIDE = Markup("""\
<p>{logged_in}</p>
<p><a href="{to}">{onward}</a></p>
<form method="post" action="/.chainsaw/logout">
<input type="hidden" name="token" value="{token}">
<button>{logout}</button>
</form>""")
NOTICE = Markup('<p role="alert">{}</p>\n')
AUTOFOCUS = Markup(" autofocus")


class Pages:
    """The pages for one visitor."""

    def __init__(self, language: str, host: str, token: str, to: str) -> None:
        """Take what all pages have in common."""
        self.language = language if language in TEXTS else "en"
        self.texts = TEXTS[self.language]
        self._host = host
        self._common = {"token": token, "to": to}

    def login(self, status: int, notice: str = "", name: str = "", headers: tuple[tuple[str, str], ...] = ()) -> Answer:
        """Return the form for user and password."""
        focus = {"first": Markup("") if name else AUTOFOCUS, "second": AUTOFOCUS if name else Markup("")}
        body = LOGIN.format(notice=_notice(notice), name=name, **focus, **self._common, **self.texts)
        return self._page(status, self.texts["title"], body, headers)

    def code(self, status: int, ticket: str, notice: str = "", headers: tuple[tuple[str, str], ...] = ()) -> Answer:
        """Return the form for the code."""
        body = CODE.format(notice=_notice(notice), ticket=ticket, **self._common, **self.texts)
        return self._page(status, self.texts["title"], body, headers)

    def inside(self, status: int, name: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
        """Return the page for who is logged in."""
        texts = {**self.texts, "logged_in": self.texts["logged_in"].format(user=name)}
        return self._page(status, self.texts["logout"], INSIDE.format(**self._common, **texts), headers)

    def _page(self, status: int, title: str, body: Markup, headers: tuple[tuple[str, str], ...]) -> Answer:
        language = self.language.replace("_", "-")
        page = PAGE.format(language=language, title=title, host=self._host, style=STYLE, body=body)
        return Answer(status, (*HEADERS, *headers), str(page))


def _notice(text: str) -> Markup:
    return NOTICE.format(text) if text else Markup("")
