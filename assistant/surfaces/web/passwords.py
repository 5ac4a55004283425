"""Passwords' hashes and the cookies' secret, in files beside the warehouse that only their owner reads."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import sqlite3
import time
from collections import defaultdict, deque
from contextlib import closing
from pathlib import Path

from assistant.errors import Refused

SHORTEST = 12
TRIES, WITHIN_SECONDS = 5, 300.0
# 64 MB and about 0.2 s for each guess.
COST = {"n": 2**16, "r": 8, "p": 1, "maxmem": 2**27, "dklen": 32}


class Passwords:
    """A file of salted scrypt hashes. Five wrong tries close an account for five minutes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._failed: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=TRIES))

    def set(self, user: str, password: str) -> None:
        """Sets or replaces a password. Raises Refused for one that is too short."""
        if len(password) < SHORTEST:
            raise Refused(f"A password needs at least {SHORTEST} characters.")
        salt = secrets.token_bytes(16)
        with closing(self._open()) as connection, connection:
            connection.execute("INSERT OR REPLACE INTO passwords VALUES (?, ?, ?)", (user, salt, _hash(password, salt)))

    def fits(self, user: str, password: str) -> bool:
        """Takes as long for an unknown user as for a wrong password."""
        failed = self._failed[user] if len(self._failed) < 10_000 or user in self._failed else deque(maxlen=TRIES)
        now = time.monotonic()
        if len(failed) == TRIES and now - failed[0] < WITHIN_SECONDS:
            return False
        with closing(self._open()) as connection:
            row = connection.execute("SELECT salt, hash FROM passwords WHERE user = ?", (user,)).fetchone()
        salt, kept = row or (b"\0" * 16, b"")
        fits = hmac.compare_digest(_hash(password[:1024], salt), kept)
        if fits:
            failed.clear()
        else:
            failed.append(now)
        return fits

    def _open(self) -> sqlite3.Connection:
        if not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_CREAT | os.O_WRONLY, 0o600))
        connection = sqlite3.connect(self._path, timeout=10)
        connection.execute("CREATE TABLE IF NOT EXISTS passwords (user TEXT PRIMARY KEY, salt BLOB, hash BLOB)")
        return connection


def cookie_secret(path: Path) -> str:
    """What signs the cookies; the same after a restart and for every worker."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(handle, "w", encoding="ascii") as file:
        secret = secrets.token_urlsafe(48)
        file.write(secret)
    return secret


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, **COST)
