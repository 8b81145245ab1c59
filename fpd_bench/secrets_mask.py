"""Passwords stay out of everything that is written or shown: messages, logs, provenance, `ps`.

`mask` finds what looks like a secret (user:password@ in a URL, token=...) and what `remember` was given.
"""

import ctypes
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

SHORTEST = 3  # characters; masking every "a" because it is a password would garble all that is said
_known: set[str] = set()

# A password may hold '/' and ':'; a user alone (https://token@host) holds neither.
_IN_URL = re.compile(r"((?<![\w+.-])\w[\w+.-]{0,30}://)(?:[^/@\s]{1,500}|[^/@\s:]{0,200}:[^@\s]{0,500})@")
_NAME = (
    r"(?=[tpscaTPSCA])"  # most letters begin none of these: five times as fast
    r"(?:token(?!iz)(?!s[=:]\s?\d)|password|passwd|passphrase|(?<![a-z])(?:pass|pwd)(?![a-z])|secret|credential|api[_-]?key|access[_-]?key|private[_-]?key)"
)
# key=value and key: value of a command line or an environment.
_NAMED = re.compile(rf"(?i)({_NAME}[\w-]{{0,40}}[=:]\s{{0,9}})(?!\*\*\*)[^\s&;,'\"]*[^\s&;,'\"]")
# --password VALUE, as a command line has it.
_OPTION = re.compile(rf"(?i)((?<!\S)--[\w-]{{0,40}}{_NAME}[\w-]{{0,40}}\s{{1,9}})(?![\s-])\S+")
_SECRET_OPTION = re.compile(rf"(?i)--[\w-]{{0,40}}{_NAME}[\w-]{{0,40}}")
_SHORT = re.compile(r"\A(-p)[^\s-].*\Z", re.S)
# In code: HF_TOKEN = "x", api_key: str = "x", {"token": "x"}, environ["TOKEN"] = 'x', login(token=f"x"), three quotes.
_QUOTED = re.compile(
    rf"""(?ix)({_NAME}[\w-]{{0,40}}["']?\]?\s{{0,9}}(?::[^=\n"']{{0,80}}=|=>|[=:]|,)\s{{0,9}}(?:\([\s+-]{{0,40}})?[rbfu]{{0,2}})
    (\"{{3}}.*?\"{{3}}|'{{3}}.*?'{{3}}|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')""",
    re.S,
)
# TOKEN = x without quotes, as in .ini and .env: a value of letters and digits that is no name or number.
_BARE = re.compile(
    rf"(?i)({_NAME}\w*[ \t]+[=:][ \t]*|{_NAME}\w*[=:][ \t]+)(?=[\w+/-]*\d)(?=[\w+/-]*[a-z])[\w+/=-]{{8,}}(?![\w.(\[])"
)
# What says by its form that it is a secret: tokens of hubs and clouds, a bearer header, a private key.
_FORMS = re.compile(
    r"\b(?:hf_|gh[pousr]_|github_pat_|glpat-|sk-|xox[abprs]-|AKIA)[A-Za-z0-9_-]{12,}"
    r"|(?i:(?<=bearer )[\w.+/=-]{8,})"
)
_KEY = re.compile(r"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----).+?(\n-----END|\Z)", re.S)


def mask(text: str) -> str:
    """Mask passwords in URLs (user:pass@host), values of token=, password= and the like, and known secrets."""
    text = _KEY.sub(r"\1***\2", _FORMS.sub("***", _IN_URL.sub(r"\1***@", text)))
    text = _QUOTED.sub(lambda found: f"{found[1]}{found[2][0]}***{found[2][0]}", text)
    text = _BARE.sub(r"\1***", _NAMED.sub(r"\1***", _OPTION.sub(r"\1***", text)))
    for secret in _known:
        text = text.replace(secret, "***")
    return text


def mask_words(words: Iterable[str]) -> list[str]:
    """Mask a command's words: each by itself, the one behind `--password`, and `-pVALUE`."""
    found, behind = [], ""
    for word in words:
        hidden = _SECRET_OPTION.fullmatch(behind) and not word.startswith("-")
        found.append("***" if hidden else _SHORT.sub(r"\1***", mask(word)))
        behind = word
    return found


def remember(secret: str) -> None:
    """Mask `secret` wherever it turns up, as it is and as a URL writes it: a driver may quote it alone."""
    _known.update(form for form in (secret, unquote(secret)) if len(form) >= SHORTEST)


def remember_urls(words: Iterable[str]) -> None:
    """Mask the passwords of all URLs in a command's words, however the message that quotes one has bent it."""
    for word in words:
        user, at, _ = word.partition("://")[2].rpartition("@")
        if at and ":" in user:
            remember(user.partition(":")[2])


def erase_from_command_line(secret: str) -> None:
    """Overwrite `secret` in sys.argv and in what `ps` shows of this process (on Linux; elsewhere ps still shows it)."""
    sys.argv = [argument.replace(secret, "*" * len(secret)) for argument in sys.argv]
    try:
        # Fields 48 and 49 of proc(5): where the kernel finds the command line in our memory. 0 if it will not say.
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        start, end = int(fields[45]), int(fields[46])
    except (OSError, IndexError, ValueError):
        return
    memory, wanted = ctypes.string_at(start, end - start) if start else b"", secret.encode()
    at = memory.find(wanted)
    while at >= 0:
        ctypes.memset(start + at, ord("*"), len(wanted))
        at = memory.find(wanted, at + len(wanted))
