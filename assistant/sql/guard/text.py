"""What is refused before anything parses: length, nesting, chains, and characters nobody can see.

Knows nothing about SQL beyond where its strings, quoted names and comments begin and end.
"""

from __future__ import annotations

import re
import unicodedata

from assistant.errors import GuardRefusal
from assistant.sql.guard import allowed

_TOKENS = re.compile(
    r"""(?P<string>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|(?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?P=tag))
      | (?P<quoted>"(?:[^"]|"")*")
      | (?P<comment>--[^\n]*|/\*.*?\*/)
      | (?P<open>[(\[{])
      | (?P<close>[)\]}])
      | (?P<plain>[^'"$\-/()\[\]{}eE]+|.)""",
    re.VERBOSE | re.DOTALL,
)
_CHAIN = re.compile(r"(?:\s*(?:\.\s*\w+\s*(?:\([^()]*\))?|\[[^\[\]]*\]|::\s*\w+))+")
_LINK = re.compile(r"\.\s*[A-Za-z_]|\[|::")


def plain(sql: str) -> str:
    """`sql` with no-break spaces between its words made plain, as copied text often has them.

    Refuses text that is too long, too deep, or holds characters that parsers and people read differently.
    """
    bounds = allowed.lists().bounds
    try:
        size = len(sql.encode())
    except UnicodeEncodeError:
        raise GuardRefusal("characters", "The statement is not valid Unicode text") from None
    if size > bounds["bytes"]:
        raise GuardRefusal(
            "length",
            f"The statement has {size:,} bytes",
            allowed=f"At most {bounds['bytes']:,} are read; shorten it.",
        )
    depth = commas = 0
    code: list[str] = []
    whole: list[str] = []
    for token in _TOKENS.finditer(sql):
        where, text = token.lastgroup, token[0]
        if where == "tag":
            where = "string"
        if where not in {"string", "quoted"}:
            text = text.replace("\u00a0", " ")
        if not text.isascii() or not text.isprintable():
            _visible(sql, token.start(), text, str(where))
        if where == "open":
            depth += 1
            if depth > bounds["depth"]:
                line, column = _place(sql, token.start())
                raise GuardRefusal(
                    "nesting", f"More than {bounds['depth']} brackets stand within each other", line, column
                )
        elif where == "close":
            depth = max(depth - 1, 0)
        elif where == "plain":
            commas += text.count(",")
        whole.append(text)
        code.append("''" if where == "string" else '""' if where == "quoted" else text)
    if commas > bounds["items"]:
        raise GuardRefusal(
            "list size",
            f"The statement lists {commas:,} items",
            allowed=f"At most {bounds['items']:,} are read.",
        )
    for chain in _CHAIN.finditer("".join(code)):
        if len(_LINK.findall(chain[0])) > bounds["chain"]:
            raise GuardRefusal("chain", f"More than {bounds['chain']} accesses or casts stand in a row")
    return "".join(whole)


def _visible(sql: str, start: int, text: str, where: str) -> None:
    for offset, char in enumerate(text):
        if char in "\t\n\r" or " " <= char <= "~":
            continue
        hidden = unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} or (
            char.isspace() and char != " "
        )
        if where in {"string", "quoted", "comment"} and not hidden:
            continue
        if where == "string" and char in "\u00a0\u200d":  # real values hold them; nothing else reads them
            continue
        line, column = _place(sql, start + offset)
        name = unicodedata.name(char, f"U+{ord(char):04X}")
        raise GuardRefusal(
            "characters",
            f"The character {name} stands outside a text value or a quoted name"
            if not hidden
            else f"The invisible character {name} stands here",
            line,
            column,
            "Use plain characters; put other letters into quotes.",
        )


def _place(sql: str, offset: int) -> tuple[int, int]:
    before = sql[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
