"""Every naming rule of chainsaw: each value that becomes part of a path, a unit or a host name is checked here."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator

from chainsaw.model.either import word_or

LONGEST_NAME = 31
"""Characters of the name of an instance."""
_INSTANCE = re.compile(r"[a-z][a-z0-9-]{0,30}")
_WORD = re.compile(r"[a-z][a-z0-9_-]{0,40}")
_SETTING = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,60}")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+")
_REFERENCE = re.compile(r"[a-z0-9][a-z0-9.-]*(:[0-9]+)?/[a-z0-9._/-]+(:[A-Za-z0-9._-]+)?(@sha256:[0-9a-f]{64})?")
_ENDING = re.compile(r"\.[a-z0-9]+")
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_SIZE = re.compile(r"([1-9][0-9]*)([KMG]?)")
_SPAN = re.compile(r"([1-9][0-9]*)(s|m|h|d)")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")
_LANGUAGES = (
    "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv "
    "dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie "
    "ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv "
    "mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm "
    "rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts "
    "tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
)
"""The languages with two letters (ISO 639-1)."""
_TIMEZONE = re.compile(r"UTC|[A-Z][A-Za-z_+-]+(/[A-Z][A-Za-z0-9_+-]+){1,2}")
_HEADER = re.compile(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*")
_CAPABILITY = re.compile(r"[A-Z][A-Z_]{2,30}")

FRONT = "front"
"""The name of the front, used in place of an instance's name."""
LOGINS = "logins"
"""The name of the login service, used in the same way."""
RESERVED = frozenset({FRONT, LOGINS, "chainsaw", "all", "combined"})
"""combined is a log format of nginx; chainsaw-NAME-root is the host user for root in the containers of NAME."""
LONGEST = 255
"""Bytes of a file's name on Linux (limits.h, NAME_MAX)."""
SIZE_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
SPAN_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LONGEST_SPAN = 365


def check_instance(value: str) -> str:
    """Return an instance name; raise ValueError unless it is a letter, then letters, digits and hyphens."""
    if value in RESERVED or value.endswith("-root"):
        raise ValueError(f"{value!r} is reserved")
    if not _INSTANCE.fullmatch(value) or value.endswith("-"):
        raise ValueError("a name is a lower-case letter followed by up to 30 lower-case letters, digits and hyphens")
    return value


def check_word(value: str) -> str:
    """Return the name of a recipe, component, volume, secret or image; raise ValueError if it is not one."""
    if not _WORD.fullmatch(value):
        raise ValueError("a name is a lower-case letter followed by lower-case letters, digits, '-' and '_'")
    return value


def check_setting(value: str) -> str:
    """Return the name of a setting, as the upstream writes it; raise ValueError where a template could not use it."""
    if not _SETTING.fullmatch(value):
        raise ValueError("a setting's name is a letter followed by letters, digits and '_'")
    return value


def is_word(value: str) -> bool:
    """Return whether a value could be the name of a recipe, component, volume, secret or image."""
    return bool(_WORD.fullmatch(value))


def check_host(value: str) -> str:
    """Return a host name of RFC 1123 in lower case; raise ValueError if it is not one."""
    if not _is_host(value):
        raise ValueError(f"{value!r} is not a host name in lower case{_as_host(value)}")
    return value


def _is_host(value: str) -> bool:
    return len(value) <= 253 and all(_LABEL.fullmatch(label) for label in value.split("."))


def _as_host(value: str) -> str:
    """Return how a host name in capitals or with other letters is written, if that can be read back (RFC 5891)."""
    try:
        host = value.lower()
        encoded = host.encode("idna")
        is_same = encoded.decode("idna") == host and _is_host(encoded.decode())
    except ValueError:
        return ""
    return f"; write it as {encoded.decode()}" if is_same else ""


def check_path(value: str) -> str:
    """Return an absolute path without '.', '..', empty segments or characters that need encoding; raise ValueError."""
    segments = value.split("/")
    if not value.startswith("/"):
        raise ValueError("a path starts with /")
    inner = segments[1:-1] if segments[-1] == "" else segments[1:]
    if not all(_SEGMENT.fullmatch(part) and part not in (".", "..") for part in inner):
        raise ValueError("a path has segments of letters, digits, '.', '_', '~' and '-' and never leaves its root")
    return value


def check_relative(value: str) -> str:
    """Return a path relative to a recipe's directory; raise ValueError when it could leave it."""
    check_path("/" + value)
    if not value or value.endswith("/"):
        raise ValueError("a file's path ends with a name")
    return value


def check_prefix(value: str) -> str:
    """Return a URL path that starts and ends with /; raise ValueError otherwise."""
    if not value.endswith("/"):
        raise ValueError("a URL path ends with /")
    return check_path(value)


def check_reference(value: str) -> str:
    """Return a fully qualified image reference (registry/name[:tag][@digest]); raise ValueError otherwise."""
    host = value.partition("/")[0].partition(":")[0]
    if host.split(".")[-1] == "localhost" or re.fullmatch(r"(127|0)(\.[0-9]+)*", host):
        raise ValueError("this host is no registry for a recipe")
    if not _REFERENCE.fullmatch(value) or "." not in host:
        raise ValueError("an image reference names its registry: docker.io/library/nginx:1.30")
    return value


def check_ending(value: str) -> str:
    """Return the ending of file names, .php; raise ValueError otherwise."""
    if not _ENDING.fullmatch(value):
        raise ValueError("an ending is a dot, then lower-case letters and digits: .php")
    return value


def check_email(value: str) -> str:
    """Return an e-mail address in the form that HTML's input element accepts; raise ValueError otherwise."""
    if not _EMAIL.fullmatch(value):
        raise ValueError(f"{value!r} is not an e-mail address")
    return value


def check_size(value: str) -> str:
    """Return a size such as 512K, 64M or 2G; raise ValueError otherwise."""
    if not _SIZE.fullmatch(value):
        raise ValueError("a size is a whole number with K, M or G: 64M")
    return value


def check_span(value: str) -> str:
    """Return a time span such as 30s, 15m, 2h or 1d; raise ValueError otherwise."""
    if not _SPAN.fullmatch(value):
        raise ValueError("a time span is a whole number with s, m, h or d: 15m")
    if span_in_seconds(value) > LONGEST_SPAN * SPAN_UNITS["d"]:
        raise ValueError(f"a time span is at most {LONGEST_SPAN}d")
    return value


def check_period(value: str) -> str:
    """Return a time span that divides an hour or a day, or a week; raise ValueError otherwise.

    Such a span is at the same times of each day, or of each week.
    """
    seconds, hour, day = span_in_seconds(check_span(value)), SPAN_UNITS["h"], SPAN_UNITS["d"]
    of_hour = seconds >= SPAN_UNITS["m"] and hour % seconds == 0 and seconds % SPAN_UNITS["m"] == 0
    of_day = seconds >= hour and day % seconds == 0 and seconds % hour == 0
    if not (of_hour or of_day or seconds == 7 * day):
        raise ValueError(f"{value} divides neither an hour nor a day, and is no week: such as 15m, 6h, 1d, 7d")
    return value


def check_capability(value: str) -> str:
    """Return a Linux capability without its CAP_ prefix; raise ValueError otherwise."""
    if not _CAPABILITY.fullmatch(value) or value.startswith("CAP_"):
        raise ValueError("a capability is written without its prefix: CHOWN")
    if value == "ALL":
        raise ValueError("ALL is no capability; name those that are needed, each with its reason")
    return value


def check_language(value: str) -> str:
    """Return a language, with a country where it matters (de, de_AT); raise ValueError otherwise."""
    if not _LANGUAGE.fullmatch(value):
        raise ValueError("a language is written de or de_AT")
    language = value.partition("_")[0]
    if len(language) == 2 and language not in _LANGUAGES.split():
        raise ValueError(f"there is no language {language}; a language is written de or de_AT")
    return value


def check_timezone(value: str) -> str:
    """Return the name of a time zone as the IANA database writes it; raise ValueError otherwise."""
    if not _TIMEZONE.fullmatch(value):
        raise ValueError("a time zone is written UTC or Europe/Vienna")
    if not (_is_zone(value) or not _is_zone("UTC")):
        raise ValueError("there is no such time zone; timedatectl list-timezones shows all")
    return value


@lru_cache(maxsize=64)
def _is_zone(value: str) -> bool:
    """Return whether this host's copy of the IANA database has a time zone."""
    # Reading it takes 3 ms, and few files name a zone.
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        return False
    return True


def check_header(value: str) -> str:
    """Return the name of a header field of HTTP; raise ValueError otherwise."""
    if not _HEADER.fullmatch(value):
        raise ValueError("a header field is letters and digits with hyphens between them: X-Script-Name")
    return value


def check_header_value(value: str) -> str:
    """Return the value of a header field; raise ValueError for what would need quoting in nginx's own language."""
    if set(value) & set('"\\$'):
        raise ValueError("a header field's value has no quotes, backslashes or dollar signs")
    return check_text(value)


def check_login(value: str) -> str:
    """Return a user name for another server; raise ValueError for what would need quoting in a configuration file."""
    if not re.fullmatch(r"[!-~]+", value) or set(value) & set("\"'\\`$#"):
        raise ValueError("a login has no spaces, quotes, backslashes, dollar or number signs")
    return value


def check_text(value: str) -> str:
    """Return one line of text; raise ValueError for control characters."""
    if any(ord(character) < 32 or 127 <= ord(character) < 160 or character in "\u2028\u2029" for character in value):
        raise ValueError("a value is one line without control characters")
    return value


def check_file_path(value: str) -> str:
    """Return the path of a file inside a directory; raise ValueError when it could leave it, or would be git's own."""
    check_text(value)
    for part in value.split("/"):
        if part in ("", ".", ".."):
            raise ValueError("a path inside a directory has no empty part, no '.' and no '..'")
        if part.casefold() == ".git":
            raise ValueError(".git is git's own, and no part of a recipe")
        # Raises a ValueError, too, for a name that is no UTF-8.
        if len(part.encode()) > LONGEST:
            raise ValueError(f"a file's name has at most {LONGEST} bytes")
    return value


def size_in_bytes(value: str) -> int:
    """Return how many bytes a checked size such as 64M is."""
    match = _SIZE.fullmatch(value)
    assert match, value
    return int(match[1]) * SIZE_UNITS[match[2]]


def span_in_seconds(value: str) -> int:
    """Return how many seconds a checked time span such as 15m is."""
    match = _SPAN.fullmatch(value)
    assert match, value
    return int(match[1]) * SPAN_UNITS[match[2]]


InstanceName = Annotated[str, AfterValidator(check_instance)]
Period = Annotated[str, AfterValidator(check_period)]
Word = Annotated[str, AfterValidator(check_word)]
SettingName = Annotated[str, AfterValidator(check_setting)]
HostName = Annotated[str, AfterValidator(check_host)]
AbsolutePath = Annotated[str, AfterValidator(check_path)]
RelativePath = Annotated[str, AfterValidator(check_relative)]
UrlPath = Annotated[str, AfterValidator(check_prefix)]
ImageReference = Annotated[str, AfterValidator(check_reference)]
Ending = Annotated[str, AfterValidator(check_ending)]
Email = Annotated[str, AfterValidator(check_email)]
Size = Annotated[str, AfterValidator(check_size)]
Span = Annotated[str, AfterValidator(check_span)]
Rest = Annotated[str, AfterValidator(word_or("never", check_span))]
Login = Annotated[str, AfterValidator(check_login)]
Language = Annotated[str, AfterValidator(check_language)]
Timezone = Annotated[str, AfterValidator(check_timezone)]
Capability = Annotated[str, AfterValidator(check_capability)]
HeaderName = Annotated[str, AfterValidator(check_header)]
HeaderValue = Annotated[str, AfterValidator(check_header_value)]
Text = Annotated[str, AfterValidator(check_text)]
