"""Forms of DuckDB's SQL → forms that give the same result on other engines, or a refusal. Knows no tables.

sqlglot translates how things are written. This is about what is written alike and means something else: what a division
gives, which day a week starts with, whether 2.5 becomes 2 or 3. A function is only said elsewhere when
schemas/dialects.yaml lists it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import yaml
from sqlglot import Expr, exp

from assistant.config import ROOT
from assistant.errors import Refused

Rule = Callable[[Expr, str], Expr]
SPARKS = ("spark", "databricks")
TEMPORAL = ("DATE", "TIMESTAMP", "TIMESTAMPNTZ", "TIMESTAMPTZ", "DATETIME", "INTERVAL")
WHOLE = ("TINYINT", "SMALLINT", "INT", "BIGINT")
FLOATING = ("DOUBLE", "FLOAT")
# DuckDB's type → one that holds its values; what is not here can't be cast to.
TYPES = {
    **{name: name for name in (*WHOLE, *FLOATING, "DECIMAL", "VARCHAR", "TEXT", "BOOLEAN", "DATE", "TIMESTAMP")},
    "TIMESTAMPNTZ": "TIMESTAMP", "DATETIME": "TIMESTAMP", "INT128": "DECIMAL(38, 0)", "CHAR": "TEXT",
}  # fmt: skip
UNITS = {"to_years": "YEAR", "to_quarters": "QUARTER", "to_months": "MONTH", "to_weeks": "WEEK", "to_days": "DAY",
         "to_hours": "HOUR", "to_minutes": "MINUTE", "to_seconds": "SECOND"}  # fmt: skip
PARTS = {"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "DOY", "DAYOFYEAR", "HOUR", "MINUTE"}
DIFFERENCES = {"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND"}
FORMATS = re.compile(r"(%[YmdHMSyBbAa]|[^%A-Za-z'])*")
REGEX = re.compile(r"[\w\s.,:;@#%&=<>~`\"'/!*+?|()\[\]{}^$\\-]*")
STRUCTURE = (
    exp.Pivot,
    exp.TableSample,
    exp.Lambda,
    exp.Comprehension,
    exp.Struct,
    exp.Array,
    exp.Collate,
    exp.Describe,
    exp.Summarize,
    exp.Lateral,
    exp.Slice,
    exp.Placeholder,
    exp.Parameter,
    exp.Command,
    exp.Hint,
    exp.Any,
    exp.All,
    exp.Columns,
)


@cache
def sayable() -> tuple[tuple[type[Expr], ...], frozenset[str]]:
    """The functions of schemas/dialects.yaml: those that sqlglot knows, and the names of the others."""
    held = yaml.safe_load((ROOT / "schemas" / "dialects.yaml").read_text("utf-8"))
    return tuple(getattr(exp, n) for group in held["functions"].values() for n in group), frozenset(held["unnamed"])


def check(tree: Expr) -> None:
    """Raises Refused for what can't be said in another dialect with the same result."""
    known, unnamed = sayable()
    for node in tree.walk():
        if isinstance(node, exp.Anonymous):
            if node.name.lower() not in unnamed:
                raise _refused(f"{node.name.lower()}()")
        elif isinstance(node, exp.Func) and not isinstance(node, known):
            raise _refused(f"{node.sql_name().lower()}()")
        elif isinstance(node, STRUCTURE):
            raise _refused(type(node).__name__.upper())
        elif isinstance(node, exp.Distinct) and node.args.get("on"):
            raise _refused("DISTINCT ON", "QUALIFY row_number() OVER (…) = 1 says the same.")
        elif isinstance(node, exp.With) and node.recursive:
            raise _refused("WITH RECURSIVE")
        elif isinstance(node, exp.Join) and (node.method or "").upper() in ("ASOF", "POSITIONAL", "NATURAL"):
            raise _refused(f"{node.method} JOIN")
        elif isinstance(node, exp.DataType) and node.this.name not in TYPES and node.this.name != "NULL":
            raise _refused(f"the type {node.sql('duckdb')}")


def equivalent(node: Expr, dialect: str) -> Expr:
    """What stands for `node`, whose parts are replaced already; `node` itself when it means the same there."""
    for kind, rule in RULES:
        if isinstance(node, kind):
            return rule(node, dialect)
    return node


def _refused(what: str, instead: str = "") -> Refused:
    end = f" {instead}" if instead else " Say it another way, or ask the warehouse's own file."
    return Refused(f"{what} can't be said with the same result on this engine.{end}")


def _type(node: Expr | None) -> str:
    kind = node.type if node is not None else None
    return kind.this.name if isinstance(kind, exp.DataType) else "UNKNOWN"


def _cast(node: Expr, to: str) -> exp.Cast:
    found: exp.Cast = exp.cast(node, to, copy=False)
    return found


def _double(node: Expr) -> Expr:
    return node.copy() if _type(node) == "DOUBLE" else _cast(node.copy(), "DOUBLE")


def _literal(node: Expr | None) -> str | None:
    """The text of a number or text that is written out, also as DuckDB writes the 1 of INTERVAL 1 DAY."""
    while isinstance(node, exp.Cast | exp.Trunc | exp.Paren | exp.Round | exp.Anonymous):
        node = node.expressions[0] if isinstance(node, exp.Anonymous) and node.expressions else node.this
    return node.name if isinstance(node, exp.Literal) else None


def _division(node: Expr, dialect: str) -> Expr:
    """DuckDB's `/` is of doubles, and n / 0 is infinite."""
    if "INTERVAL" in (_type(node.this), _type(node.expression)):
        raise _refused("dividing an interval")
    above, below = _double(node.this), _double(node.expression)
    inner = node.expression.unnest()
    known = inner.this if isinstance(inner, exp.Cast) else inner
    if isinstance(inner, exp.Nullif) or (isinstance(known, exp.Literal) and known.is_number and float(known.name) != 0):
        return exp.paren(exp.Div(this=above, expression=below), copy=False)
    infinite = exp.Mul(this=above.copy(), expression=_cast(exp.Literal.string("Infinity"), "DOUBLE"))
    zero = exp.EQ(this=below.copy(), expression=exp.Literal.number(0))
    return exp.Case(
        ifs=[exp.If(this=zero, true=infinite)], default=exp.Div(this=above, expression=below)
    )  # a CASE: engines may work out both arguments of a function


def _whole_division(node: Expr, dialect: str) -> Expr:
    if not {_type(node.this), _type(node.expression)} <= {*WHOLE}:
        raise _refused("// of numbers that are not whole", "Use floor(a / b).")
    return node


def _average(node: Expr, dialect: str) -> Expr:
    return exp.Avg(this=_double(node.this)) if not isinstance(node.this, exp.Distinct) else _distinct_average(node)


def _distinct_average(node: Expr) -> Expr:
    return exp.Avg(this=exp.Distinct(expressions=[_double(one) for one in node.this.expressions]))


def _sum(node: Expr, dialect: str) -> Expr:
    return exp.Sum(this=_cast(node.this.copy(), "INT")) if _type(node.this) == "BOOLEAN" else node


def _converted(node: Expr, dialect: str) -> Expr:
    """Casts: DuckDB rounds to whole numbers where others cut, and writes large doubles its own way."""
    to, of = node.args["to"].this.name, _type(node.this)
    if to in ("TEXT", "VARCHAR") and of in FLOATING:
        raise _refused("a DOUBLE as text", "Cast it to a DECIMAL first.")
    inner = node.this.copy()
    if to in (*WHOLE, "INT128") and of not in (*WHOLE, "BOOLEAN", "VARCHAR", "TEXT"):
        if of in FLOATING and dialect in SPARKS:
            inner = exp.func("BROUND", inner, exp.Literal.number(0))  # half to even, as DuckDB does
        else:
            inner = exp.Round(this=inner)
    found = node.copy()
    found.set("this", inner)
    if TYPES[to] != to:
        found.set("to", exp.DataType.build(TYPES[to]))
    return found


def _plus(node: Expr, dialect: str) -> Expr:
    """Sums with days and intervals, which give a day here and a moment there."""
    left, right = node.this, node.expression
    kinds = {_type(left), _type(right)}
    minus = isinstance(node, exp.Sub)
    if minus and _type(left) == _type(right) == "DATE":
        return _difference(exp.DateDiff(this=left, expression=right, unit=exp.var("DAY")), dialect)
    for day, step in ((left, right), (right, left)):
        if (moved := _moved(day, step, minus, dialect)) is not None:
            return moved
        if _type(day) == "DATE" and _type(step) in WHOLE and not (minus and day is right):
            kind = exp.DateSub if minus else exp.DateAdd
            return kind(this=day.copy(), expression=step.copy(), unit=exp.var("DAY"))
    if kinds & {*TEMPORAL}:
        raise _refused("this arithmetic of times", "date_diff('day', a, b) gives the days between two times.")
    return node


def _moved(day: Expr, step: Expr, minus: bool, dialect: str) -> Expr | None:
    """day ± an interval, always a moment; None when `step` is no interval."""
    found = _interval(step)
    if found is None:
        return None
    count, unit = found
    if minus:
        count = exp.Neg(this=exp.paren(count, copy=False))
    moment = _cast(day.copy(), "TIMESTAMP")
    if dialect not in SPARKS:
        return exp.DateAdd(this=moment, expression=count, unit=exp.var(unit))
    if unit == "QUARTER":
        count, unit = exp.Mul(this=exp.paren(count, copy=False), expression=exp.Literal.number(3)), "MONTH"
    places = ["YEAR", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND"]
    counts = [count if unit == one else exp.Literal.number(0) for one in places]
    return exp.Add(this=moment, expression=exp.func("MAKE_INTERVAL", *counts))


def _interval(node: Expr) -> tuple[Expr, str] | None:
    """(count, unit) of to_months(n) and the like."""
    node = node.unnest()
    name = "to_days" if isinstance(node, exp.ToDays) else node.name.lower() if isinstance(node, exp.Anonymous) else ""
    if name not in UNITS:
        return None
    count = node.this if isinstance(node, exp.ToDays) else node.expressions[0]
    known = _literal(count)
    return (exp.Literal.number(int(float(known))) if known is not None else count.copy()), UNITS[name]


def _truncated(node: Expr, dialect: str) -> Expr:
    """DATE_TRUNC gives a moment without a zone."""
    unit = node.args["unit"].name.upper()
    if unit not in DIFFERENCES:
        raise _refused(f"date_trunc('{unit.lower()}', …)")
    return _cast(exp.TimestampTrunc(this=_cast(node.this.copy(), "TIMESTAMP"), unit=exp.var(unit)), "TIMESTAMP")


def _difference(node: Expr, dialect: str) -> Expr:
    """date_diff counts the borders crossed: whole units between truncated times; weeks are seven days from anywhere."""
    unit = (node.args["unit"].name if node.args.get("unit") else "DAY").upper().rstrip("S")
    if unit not in DIFFERENCES:
        raise _refused(f"date_diff('{unit.lower()}', …)")
    ends: list[Expr] = [node.this, node.expression]
    if unit in ("DAY", "WEEK"):
        of_day, from_day = (_cast(one.copy(), "DATE") for one in ends)
        days = exp.DateDiff(this=of_day, expression=from_day, unit=exp.var("DAY"))
        return days if unit == "DAY" else exp.IntDiv(this=days, expression=exp.Literal.number(7))
    first, last = (_truncated(exp.TimestampTrunc(this=one, unit=exp.var(unit)), dialect) for one in ends)
    return exp.DateDiff(this=first, expression=last, unit=exp.var(unit))


def _part(of: Expr, part: str, dialect: str) -> Expr:
    """extract(part FROM of), which DuckDB writes as date_part()."""
    part = part.upper()
    if part in ("ISODOW", "DOW", "DAYOFWEEK", "WEEKDAY"):
        iso: Expr = exp.DayOfWeekIso(this=of.copy())
        if dialect in SPARKS:  # sqlglot's own form counts from another day
            iso = exp.paren(exp.Add(this=exp.func("WEEKDAY", of.copy()), expression=exp.Literal.number(1)))
        return iso if part == "ISODOW" else exp.paren(exp.Mod(this=exp.paren(iso), expression=exp.Literal.number(7)))
    if part not in PARTS:
        raise _refused(f"extract({part.lower()} FROM …)")
    return exp.Extract(this=exp.var({"DAYOFYEAR": "DOY"}.get(part, part)), expression=of.copy())


def _part_of(part: str) -> Rule:
    return lambda node, dialect: _part(node.this, part, dialect)


def _like(node: Expr, dialect: str) -> Expr:
    """Elsewhere a backslash in a pattern escapes what follows."""
    pattern = node.expression
    if not (isinstance(pattern, exp.Literal) and pattern.is_string and "\\" not in pattern.name):
        raise _refused("LIKE with this pattern", "It needs a text in quotes without a backslash.")
    return node


def _regex(node: Expr, dialect: str) -> Expr:
    pattern = node.expression
    if node.args.get("flag") or not (isinstance(pattern, exp.Literal) and REGEX.fullmatch(pattern.name)):
        raise _refused("this regular expression", "It needs a plain pattern in quotes and no options.")
    if isinstance(node, exp.RegexpFullMatch):
        return exp.RegexpLike(this=node.this.copy(), expression=exp.Literal.string(f"\\A(?:{pattern.name})\\z"))
    return node


def _best(node: Expr, dialect: str) -> Expr:
    """arg_max leaves out rows whose own value is NULL."""
    known = exp.not_(exp.Is(this=node.this.copy(), expression=exp.null()))
    if isinstance(node.parent, exp.Filter):
        where = node.parent.expression
        where.set("this", exp.and_(where.this, known))
        return node
    return exp.Filter(this=node.copy(), expression=exp.Where(this=known))


def _quantile(node: Expr, dialect: str) -> Expr:
    if _literal(node.expression) is None:
        raise _refused("a list of quantiles")
    quantile: Expr = type(node)(this=node.expression.copy())
    if dialect in SPARKS:  # sqlglot would take an approximate one
        if isinstance(node, exp.PercentileCont):
            return exp.func("PERCENTILE", node.this.copy(), node.expression.copy())
        quantile = exp.Anonymous(this="PERCENTILE_DISC", expressions=[node.expression.copy()])
    order = exp.Order(expressions=[exp.Ordered(this=node.this.copy())])
    return exp.WithinGroup(this=quantile, expression=order)


def _format(node: Expr, dialect: str) -> Expr:
    form = node.args.get("format")
    if not (isinstance(form, exp.Literal) and FORMATS.fullmatch(form.name)):
        raise _refused("this format of strftime()", "Years, months, days, hours, minutes and seconds are.")
    return node


def _name_of(form: str) -> Rule:
    return lambda node, dialect: exp.TimeToStr(this=node.this.copy(), format=exp.Literal.string(form))


def _power(node: Expr, dialect: str) -> Expr:
    return exp.Pow(this=_double(node.this), expression=_double(node.expression))


def _series(node: Expr, dialect: str) -> Expr:
    """range() leaves its end out, and both are empty when they would go down."""
    start, end = (_cast(node.args[key].copy(), "TIMESTAMP") for key in ("start", "end"))
    step = _interval(node.args.get("step") or exp.null())
    if step is None or step[1] not in ("DAY", "WEEK"):  # months from the 31st come out differently
        raise _refused("this range()", "Days are: range(from, to, INTERVAL 1 DAY).")
    if dialect not in SPARKS:
        return node
    last: Expr = end
    if node.args.get("is_end_exclusive"):
        last = exp.Sub(this=end.copy(), expression=exp.func("MAKE_INTERVAL", *[exp.Literal.number(0)] * 6, "0.000001"))
    interval = exp.Interval(this=exp.Literal.string(step[0].name), unit=exp.var(step[1]))
    upward = exp.LTE(this=start.copy(), expression=last.copy())
    sequence = exp.func("SEQUENCE", start, last, interval)
    return exp.Case(ifs=[exp.If(this=upward, true=sequence)])


def _anonymous(node: Expr, dialect: str) -> Expr:
    name, arguments = node.name.lower(), node.expressions
    if name == "count_star":
        return exp.Count(this=exp.Star())
    if name in ("date_part", "datepart"):
        part = _literal(arguments[0])
        if part is None:
            raise _refused(f"{name}() of a part that is not written out")
        return _part(arguments[1], part, dialect)
    if name in ("map_extract_value", "array_extract"):
        return _map_value(exp.Bracket(this=arguments[0].copy(), expressions=[arguments[1].copy()]), dialect)
    if name == "row":
        if not isinstance(node.parent, exp.Distinct):
            raise _refused("row()")
        return exp.Tuple(expressions=[one.copy() for one in arguments])
    if name == "cardinality":
        return exp.ArraySize(this=arguments[0].copy())
    if name == "error" and dialect in SPARKS:
        return exp.func("RAISE_ERROR", arguments[0].copy())
    if name == "error":
        return exp.null()
    return node


def _map_value(node: Expr, dialect: str) -> Expr:
    """Tags['x']; a list's items are counted from one here and from nought there."""
    key = node.expressions[0]
    if len(node.expressions) != 1 or not (isinstance(key, exp.Literal) and key.is_string):
        raise _refused("an item of a list")
    return node


RULES: tuple[tuple[type[Expr] | tuple[type[Expr], ...], Rule], ...] = (
    (exp.IntDiv, _whole_division),
    (exp.Div, _division),
    (exp.Avg, _average),
    (exp.Sum, _sum),
    (exp.Cast, _converted),
    ((exp.Add, exp.Sub), _plus),
    ((exp.TimestampTrunc, exp.DateTrunc), _truncated),
    (exp.DateDiff, _difference),
    (exp.DayOfWeek, _part_of("DOW")),
    (exp.DayOfWeekIso, _part_of("ISODOW")),
    (exp.Week, _part_of("WEEK")),
    ((exp.Like, exp.ILike), _like),
    ((exp.RegexpLike, exp.RegexpFullMatch), _regex),
    ((exp.ArgMax, exp.ArgMin), _best),
    ((exp.PercentileCont, exp.PercentileDisc), _quantile),
    (exp.TimeToStr, _format),
    (exp.Monthname, _name_of("%B")),
    (exp.Dayname, _name_of("%A")),
    (exp.Pow, _power),
    (exp.GenerateSeries, _series),
    (exp.Bracket, _map_value),
    (exp.Anonymous, _anonymous),
)
