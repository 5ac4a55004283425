"""The few errors, named by what the user can do next. Knows nothing about how they are shown.

AssistantError
├── Clarify        ask again, choosing one of the options          exit 3
├── Refused        not answerable, not permitted, not safe         exit 4
│   └── GuardRefusal   the statement broke a rule of the guard
├── LoadError      repair the named file and load again            exit 1
├── SchemaError    repair the named line of schemas/               exit 1
├── LedgerError    make the ledger readable and writable           exit 1
└── EngineError    the engine stopped or failed; narrow the query  exit 1
"""

from __future__ import annotations

from dataclasses import dataclass


class AssistantError(Exception):
    """Base of everything a surface shows; the message is a complete sentence for the user."""

    exit_code = 1


@dataclass
class Clarify(AssistantError):
    """The question has more than one reading, or names something unknown."""

    question: str
    options: tuple[str, ...] = ()
    exit_code = 3

    def __str__(self) -> str:
        return self.question


class Refused(AssistantError):
    """Out of scope, not permitted, or not in the data; the message says what can be asked."""

    exit_code = 4


@dataclass
class GuardRefusal(Refused):
    """A statement broke a guard rule. `line` and `column` are 1-based, None when unknown."""

    rule: str
    message: str
    line: int | None = None
    column: int | None = None
    allowed: str | None = None

    def __str__(self) -> str:
        place = f" (line {self.line}, column {self.column})" if self.line else ""
        hint = f" {self.allowed}" if self.allowed else ""
        return f"{self.message}{place}.{hint}"


@dataclass
class LoadError(AssistantError):
    """A file can't be loaded. `line` is 1-based in the file, header included."""

    message: str
    file: str | None = None
    line: int | None = None
    column: str | None = None
    value: str | None = None

    def __str__(self) -> str:
        place = ", ".join(
            part
            for part in (
                self.file,
                f"line {self.line}" if self.line else None,
                f"column {self.column}" if self.column else None,
                f"value {self.value!r}" if self.value is not None else None,
            )
            if part
        )
        return f"{place}: {self.message}" if place else self.message


@dataclass
class SchemaError(AssistantError):
    """A mistake in schemas/: where it stands and what would be right."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.message}"


class LedgerError(AssistantError):
    """The ledger of answers and spend can't be read or written; the message says which and why."""


@dataclass
class EngineError(AssistantError):
    """The engine failed or was stopped. `limit` names the limit that was hit, if one was."""

    message: str
    limit: str | None = None

    def __str__(self) -> str:
        return self.message
