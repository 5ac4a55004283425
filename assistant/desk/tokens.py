"""Tokens by which other programs ask as a user, hashed, in a file beside the warehouse that only its owner reads.

Knows nothing of what a token opens. Under 256 random bits nothing is to be guessed, so one SHA-256 is hash enough;
passwords.py, for what people choose, takes scrypt.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from assistant.config import Config
from assistant.errors import LedgerError, Refused

PREFIX = "askcost_"  # what secret scanners look for
LONGEST_NAME = 100


class Token(NamedTuple):
    """A token without its secret. user: whose row policy and role apply; None: the local operator's."""

    id: str
    name: str
    user: str | None
    created: str
    revoked: str | None = None


class Tokens:
    """A file of hashes. What was revoked stays listed, and opens nothing. Raises LedgerError when it can't be used."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of(cls, config: Config) -> Tokens:
        return cls(config.warehouse.with_suffix(".tokens.sqlite"))

    def create(self, user: str | None, name: str) -> tuple[Token, str]:
        """A new token and its secret, which is kept nowhere. Raises Refused for a name that says nothing."""
        if not 0 < len(name.strip()) <= LONGEST_NAME:
            raise Refused(f"A token's name says what uses it, in 1 to {LONGEST_NAME} characters.")
        secret = f"{PREFIX}{secrets.token_urlsafe(32)}"
        token = Token(secrets.token_hex(4), name.strip(), user, _now())
        self._run("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?)", (_hash(secret), *token))
        return token, secret

    def holder(self, secret: str) -> Token | None:
        """The token of this secret; None when there is none, or it was revoked."""
        found = self._run(f"SELECT {_COLUMNS} FROM tokens WHERE hash = ? AND revoked IS NULL", (_hash(secret),))
        return Token(*found[0]) if found else None

    def listed(self) -> list[Token]:
        """All tokens, newest last."""
        return [Token(*row) for row in self._run(f"SELECT {_COLUMNS} FROM tokens ORDER BY created, id")]

    def revoke(self, id: str) -> Token:
        """Ends a token at once. Raises Refused when there is none of this id."""
        self._run("UPDATE tokens SET revoked = ? WHERE id = ? AND revoked IS NULL", (_now(), id))
        found = [token for token in self.listed() if token.id == id]
        if not found:
            raise Refused(f"There is no token {id}; `askcost token --list` shows them all.")
        return found[0]

    def _run(self, statement: str, values: tuple[str | None, ...] = ()) -> list[tuple[str, ...]]:
        try:
            with closing(self._open()) as connection, connection:
                return connection.execute(statement, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(f"The tokens in {self._path} can't be used: {error}") from None

    def _open(self) -> sqlite3.Connection:
        if not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_CREAT | os.O_WRONLY, 0o600))
        connection = sqlite3.connect(self._path, timeout=10)
        connection.execute(
            "CREATE TABLE IF NOT EXISTS tokens (hash TEXT PRIMARY KEY, id TEXT UNIQUE, name TEXT, user TEXT, "
            "created TEXT, revoked TEXT)"
        )
        return connection


_COLUMNS = ", ".join(Token._fields)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
