"""Passwords stay out of everything that is written or shown: messages, logs, provenance, `ps`.

`mask` finds what looks like a secret (user:password@ in a URL, token=...) and what `remember` was told.
"""

import ctypes
import re
import sys
from pathlib import Path
from urllib.parse import unquote

SHORTEST = 3  # characters; masking every "a" because it is a password would garble all that is said
_known: set[str] = set()

# A password may hold '/' and ':'; a user alone (https://token@host) holds neither.
_IN_URL = re.compile(r"(\w[\w+.-]*://)(?:[^/@\s]+|[^/@\s:]*:[^@\s]*)@")
_NAMED = re.compile(r"(?i)((?:token|password|passwd|secret|api_?key)[\w-]*[=:]\s*)[^\s&;,]*[^\s&;,'\"]")


def mask(text: str) -> str:
    """`text` without passwords in URLs (user:pass@host), values of token=, password= and kin, and known secrets."""
    text = _NAMED.sub(r"\1***", _IN_URL.sub(r"\1***@", text))
    for secret in _known:
        text = text.replace(secret, "***")
    return text


def remember(secret: str) -> None:
    """Mask `secret` wherever it turns up, as it is and as a URL writes it: a driver may quote it alone."""
    _known.update(form for form in (secret, unquote(secret)) if len(form) >= SHORTEST)


def blot(secret: str) -> None:
    """Overwrite `secret` in sys.argv and in what `ps` shows of this process (on Linux; elsewhere ps still shows it)."""
    sys.argv = [argument.replace(secret, "*" * len(secret)) for argument in sys.argv]
    try:
        # Fields 48 and 49 of proc(5): where the kernel finds the command line in our memory. 0 if it will not say.
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        start, end = int(fields[45]), int(fields[46])
    except (OSError, IndexError, ValueError):
        return
    shown, wanted = ctypes.string_at(start, end - start) if start else b"", secret.encode()
    at = shown.find(wanted)
    while at >= 0:
        ctypes.memset(start + at, ord("*"), len(wanted))
        at = shown.find(wanted, at + len(wanted))
