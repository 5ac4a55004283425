"""Text → tokens with their places. Splits, lower-cases, reads amounts; knows no vocabulary of its own."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

_TOKEN = re.compile(
    r"""
    (?P<date>\d{4}-\d{1,2}-\d{1,2}|\d{4}[-/]\d{1,2}(?!\d)|\d{1,2}[./]\d{1,2}[./]\d{2,4}|\d{1,2}/\d{4})(?![\w-])
  | (?P<short>['’]\d\d)(?![\w])
  | (?P<amount>(?:[$€£¥₹]\ ?)?\d[\d,]*(?:\.\d+)?\ ?(?:%|(?:k|m|mm|mn|bn|b)(?![\w-]))?)(?![\w])
  | (?P<word>[^\W_]+(?:['’][^\W_]+)?)
  | (?P<symbol>[<>]=?|!=|[=&+,%:;?!/()\[\]#"“”'‘’–—.-])
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PLAIN = re.compile(r"[a-z]+(?: [a-z]+)*")
_SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR"}
_SUFFIX = {"k": 1_000, "m": 10**6, "mm": 10**6, "mn": 10**6, "bn": 10**9, "b": 10**9}
_SILENT = set(";?!()[]\"“”'‘’./-#_")


@dataclass(frozen=True)
class Token:
    """One word, amount or symbol. `start`/`end` are places in the text; `word` is lower case."""

    text: str
    word: str
    start: int
    end: int
    number: Decimal | None = None
    percent: bool = False
    currency: str | None = None
    glued: bool = False

    def corrected(self, word: str) -> Token:
        return replace(self, word=word)


def tokens(text: str) -> tuple[Token, ...]:
    """All meaningful tokens; silent punctuation is left out. `glued`: no white space before it."""
    result: list[Token] = []
    previous_end = -1
    for match in _TOKEN.finditer(text):
        raw = match.group()
        kind = match.lastgroup
        start = match.start() + (len(raw) - len(raw.lstrip()))
        glued = start == previous_end or (bool(result) and text[previous_end:start] in ("-", "_", ".", "/", ":"))
        if kind == "symbol":
            if raw in _SILENT:
                continue
            result.append(Token(raw, raw, start, match.end(), glued=glued))
        elif kind == "short":
            result.append(Token(raw, f"20{raw[1:]}", start, match.end(), Decimal(f"20{raw[1:]}"), glued=glued))
        elif kind == "date":
            result.append(Token(raw, raw, start, match.end(), glued=glued))
        elif kind == "amount":
            result.append(_amount(raw, start, match.end(), glued))
        else:
            word = without_accents(raw).lower().replace("’", "'")
            word = re.sub(r"'(s|re|ve|d|ll|m)$", "", word).replace("'", "")
            if word == "x" and text[match.end() : match.end() + 1] == "_":
                continue  # FOCUS writes extra columns x_CostCenter
            result.append(Token(raw, word, start, match.end(), glued=glued))
        previous_end = match.end()
    return tuple(result)


def _amount(raw: str, start: int, end: int, glued: bool) -> Token:
    text = raw.strip()
    currency = _SIGNS.get(text[0])
    digits = text[1:].strip() if currency else text
    found = re.match(r"[\d,]*(?:\.\d+)?", digits)
    assert found is not None
    suffix = digits[found.end() :].strip().lower()
    number = Decimal(found.group().replace(",", "") or "0") * _SUFFIX.get(suffix, 1)
    word = digits.lower().replace(",", "").replace(" ", "")
    return Token(text, word, start, end, number, suffix == "%", currency, glued)


def split(phrase: str) -> tuple[str, ...]:
    """The words of a phrase of the vocabulary, as `tokens` would see them."""
    if _PLAIN.fullmatch(phrase):
        return tuple(phrase.split(" "))
    return tuple(t.word for t in tokens(phrase))


def compact(text: str) -> str:
    """Letters and digits only, lower case: `us-east-1`, `US East 1` and `useast1` are one name."""
    return re.sub(r"[\W_]+", "", without_accents(text)).lower()


def without_accents(text: str) -> str:
    """`São` → `Sao`; the same number of characters for what people type."""
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def parts(value: str) -> tuple[str, ...]:
    """The words inside a value, camel case split: `AmazonCloudWatch` → amazon, cloud, watch."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", value)
    return tuple(w.lower() for w in re.findall(r"[^\W_]+", without_accents(spaced)))


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """The word without its inflection (Snowball, English)."""
    if not word.isalpha() or len(word) < 3:
        return word
    return str(_stemmer().stemWord(word))


@cache
def _stemmer() -> Any:
    import snowballstemmer  # imports every language that it knows

    return snowballstemmer.stemmer("english")


def singular(word: str) -> str:
    """`teams` → `team`, `categories` → `category`: number only, unlike `stem`."""
    if not word.isalpha() or len(word) < 4 or word.endswith("ss"):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    return word.removesuffix("s")


def humanise(name: str) -> str:
    """`x_CostCenter` → `cost center`; for names without a prepared form."""
    return " ".join(parts(re.sub(r"^x_", "", name)))


def number_of(value: Any) -> Decimal:
    return Decimal(str(value))
