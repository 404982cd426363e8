"""Passwords in URIs and texts, replaced by *** wherever a run writes them.

    postgresql://ann:geheim@db/runs?sslpassword=x   ->   postgresql://ann:***@db/runs?sslpassword=***

A text is masked by its form, such as `user:password@` and `password=`, and by the passwords that
this process knows: those in its configuration and in its environment variables.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

MASK = "***"
SECRET_NAME = re.compile(
    r"pass(word|wd|phrase|code)?$|pwd$|secret|token$|credential$|(api|access|private|account)_?key$"
    r"|^key$|^sig$|signature$|odbc_connect$",
    re.IGNORECASE,
)
SECRET_VARIABLE = re.compile(
    r"(PASSWORD|PASSWD|PASSPHRASE|TOKEN|SECRET|(API|ACCESS|PRIVATE|SECRET)_?KEY|MYSQL_PWD)$"
)
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S*")
USER_AND_PASSWORD = re.compile(r"(?P<user>[^:/?#@]*):(?P<password>.*)@", re.DOTALL)
TOKEN_AS_USER = re.compile(r"(?P<password>[^:/?#@]+)@")
QUERY_VALUE = re.compile(r"(?<=[?&;])(?P<name>[^=&;?]+)=(?P<value>[^&]*)")
NAMED_VALUE = re.compile(
    r"(?P<name>\b\w*?(?:passwd|password|passphrase|pwd|secret|token|api_?key|access_?key))"
    r"(?P<between>['\"]?\s*[=:]\s*)(?P<value>'[^']*'|\"[^\"]*\"|[^\s,;&'\"{}]+)",
    re.IGNORECASE,
)
FIRST_QUERY_VALUE = re.compile(r"\?[\w.%-]+=")
NOT_SECRET = frozenset({"true", "false", "none", "null", "yes", "no", "default", MASK})

_known: set[str] = set()
"""The passwords of this process, which its log and its terminal share."""


def mask(text: str) -> str:
    """Return the text with every password in it masked."""
    text = URI.sub(lambda found: _mask_word(found[0]), text)
    text = NAMED_VALUE.sub(lambda found: f"{found['name']}{found['between']}{MASK}", text)
    for secret in sorted(_known, key=len, reverse=True):
        if secret in text:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, text)
    return text


def mask_uri(uri: str) -> str:
    """Return the URI, or the argument of a command that ends with one, with its passwords masked.

    A password may have any character, also those that a URI should have encoded.
    """
    return mask(_mask_parts(uri) if "://" in uri else uri)


def mask_values(value: Any, name: str = "") -> Any:
    """Return nested values with every password masked: in texts, and under names of secrets."""
    if isinstance(value, Mapping):
        return {key: mask_values(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [mask_values(inner, name) for inner in value]
    if SECRET_NAME.search(name) and value and not isinstance(value, bool):
        return MASK
    return mask_uri(value) if isinstance(value, str) else value


def unmask_values(masked: Any, current: Any) -> Any:
    """Return `masked` with each masked text replaced by the current value under the same keys."""
    if isinstance(masked, dict) and isinstance(current, dict):
        return {key: unmask_values(inner, current.get(key)) for key, inner in masked.items()}
    if isinstance(masked, str) and MASK in masked and current is not None:
        return current
    return masked


def remember_secrets(values: Any, name: str = "") -> None:
    """Remember every password in nested values, to be masked in every form from now on."""
    if isinstance(values, Mapping):
        for key, inner in values.items():
            remember_secrets(inner, str(key))
    elif isinstance(values, list | tuple | set):
        for inner in values:
            remember_secrets(inner, name)
    elif SECRET_NAME.search(name) and values and not isinstance(values, bool):
        _remember([str(values)])
    elif isinstance(values, str):
        _remember(passwords_in(values))


def remember_environment(environment: Mapping[str, str]) -> None:
    """Remember the passwords in environment variables: by their names, and in URIs."""
    for name, value in environment.items():
        _remember([value] if SECRET_VARIABLE.search(name) else passwords_in(value))


def passwords_in(uri: str) -> Iterator[str]:
    """Yield the passwords in a URI, as they are written there; nothing for any other text."""
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return
    found = _user_part(scheme, rest)
    if found is not None:
        yield found["password"]
    for value in QUERY_VALUE.finditer(rest):
        if SECRET_NAME.search(unquote(value["name"])):
            yield value["value"]


def mask_exception(error: BaseException) -> None:
    """Mask the passwords in the messages of an exception, its causes and its contexts, in place."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        # of `object`, because a frozen dataclass refuses its own
        set_in = partial(object.__setattr__, one)
        set_in("args", tuple(mask(part) if isinstance(part, str) else part for part in one.args))
        for name in (*vars(one), "strerror", "filename"):
            if isinstance(value := getattr(one, name, None), str):
                set_in(name, mask(value))
        waiting += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]


def _user_part(scheme: str, rest: str) -> re.Match[str] | None:
    """Return the match of a password or token before the last @ that can end it."""
    query = FIRST_QUERY_VALUE.search(rest)
    before_query = rest[: query.start()] if query else rest
    found = USER_AND_PASSWORD.match(before_query) or USER_AND_PASSWORD.match(rest)
    if found is None and scheme.rpartition("=")[2].startswith("http"):
        return TOKEN_AS_USER.match(rest)
    return found


def _masked_value(found: re.Match[str]) -> str:
    secret = SECRET_NAME.search(unquote(found["name"]))
    return f"{found['name']}={MASK}" if secret and found["value"] else found[0]


def _mask_parts(uri: str) -> str:
    scheme, _, rest = uri.partition("://")
    found = _user_part(scheme, rest)
    if found is not None:
        start, end = found.span("password")
        rest = rest[:start] + MASK + rest[end:]
    return f"{scheme}://{QUERY_VALUE.sub(_masked_value, rest)}"


def _mask_word(word: str) -> str:
    """Mask a URI in a text, which may be followed by a quote or another sign."""
    uri = word.rstrip("'\"`),.;:>]}")
    return _mask_parts(uri) + word[len(uri) :]


def _remember(secrets: Any) -> None:
    for secret in secrets:
        plain = unquote(secret)
        forms = {secret, plain, unquote_plus(secret), quote(plain, safe=""), quote_plus(plain)}
        forms |= {repr(plain)[1:-1], json.dumps(plain)[1:-1]}
        _known.update(form for form in forms if _is_worth_masking(form))


def _is_worth_masking(secret: str) -> bool:
    """Return whether it is not too short, so that other words of a text are not masked."""
    return len(secret) >= (5 if secret.isdigit() else 3) and secret.lower() not in NOT_SECRET
