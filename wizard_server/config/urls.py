"""URLs in the configuration: checks those for HTTP, and masks passwords."""

import re
from urllib.parse import urlsplit

MASK = "********"
_VISIBLE = re.compile(r"[!-~]+")
_USER = re.compile(r"^(\w+://)(?:[^@/]*@)?")
_PASSWORD = re.compile(r"^(\w+://[^:@/?]*:)[^/]*(?=@)|(?<=[?&]password=)[^&]*|(?<=[?&]sslpassword=)[^&]*")


def checked_url(url: str) -> str:
    """Return `url` if it is an HTTP URL, else raise `ValueError` with the reason.

    A user name or password is refused, because the configuration is printed; a fragment, because it is never sent.
    """
    try:
        parts = urlsplit(url)
        leads_somewhere = bool(parts.hostname) and parts.port != 0
    except ValueError:
        leads_somewhere = False
    if not (leads_somewhere and parts.scheme in ("http", "https") and _VISIBLE.fullmatch(url)):
        raise ValueError("must be a URL: https://host[:port]/path, or http://")
    if "@" in parts.netloc:
        raise ValueError("must have no user name or password in it")
    if "#" in url:
        raise ValueError("must have no fragment (#...)")
    return url


def as_owner(url: str) -> str:
    """Return `url` for the owner of the tables, whose name the operator fills in."""
    return _USER.sub(r"\1OWNER@", masked(url))


def masked(url: str) -> str:
    """Return `url` with its passwords replaced, for messages and logs."""
    return _PASSWORD.sub(lambda found: f"{found.group(1) or ''}{MASK}", url)
