"""Why a metric changed from one period to another: the bridge's moves as rows, and what is said of them.

`answer` by cause, or by the dimensions that the question names; `answer_rates` says usage or prices, `answer_owners`
whose it is. What can be taken apart, and how: analysis/bridges. How it is told: analysis/account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assistant.analysis.account import Account, View, listed
from assistant.analysis.books import Books, text
from assistant.analysis.bridges import bridges, loaded
from assistant.analysis.report import Report, dimension, metric
from assistant.errors import Refused
from assistant.semantics import calendar
from assistant.telling.chart import STEP, draw
from assistant.values import QueryPlan

MOST_OWNERS = 3


def answer(plan: QueryPlan, books: Books) -> Report:
    """Before, one row for each cause (or value of the plan's dimensions), after; by currency where there are several.

    plan: one metric, `period` and the `comparison` before it, dimensions and filters. Raises Refused and Clarify.
    """
    return _written(*_accounts(plan, books, "dimension" if plan.dimensions else "cause"))


def answer_rates(plan: QueryPlan, books: Books) -> Report:
    """Whether usage or prices moved it."""
    accounts, notes = _accounts(plan, books, "kind")
    report = _written(accounts, notes)
    said = [_usage_or_prices(account) for account in accounts]
    return replace(report, sentences=(*said, *(account.change(len(accounts) > 1) for account in accounts)))


def answer_owners(plan: QueryPlan, books: Books) -> Report:
    """Whose the change is, and who they are as far as the data name anybody."""
    accounts, notes = _accounts(plan, books, "owner")
    level = accounts[0].moved.basis.grain.owner
    if level is None:
        told = _written([replace(account, view="cause") for account in accounts], notes)
        nobody = "Nobody is named as an owner: these data have no team, application, cost center or account."
        return replace(told, sentences=(nobody, *told.sentences[:1]))
    report = _written(accounts, notes)
    said = [sentence for account in accounts for sentence in _owners(account)]
    people = _people(books, accounts) if level.name == "team" or "team" in level.label else []
    return replace(report, sentences=(*said, *people))


def _accounts(plan: QueryPlan, books: Books, view: View) -> tuple[list[Account], list[str]]:
    after, before = plan.period, plan.comparison
    if after is None or before is None:
        raise Refused("To say why something changed I need two periods; name both, such as June and July.")
    if plan.having or plan.part or plan.count_groups:
        raise Refused("I can't take the change of a threshold, a share or a count apart; ask why the amount changed.")
    asked = books.house.model.datasets[plan.dataset]
    notes = []
    if asked.grain == "day":
        found_notes = (books.partly_loaded(asked.loaded_from, p.start, p.end) for p in (before, after))
        notes = [note for note in found_notes if note]
    found = bridges(plan, books, before, after)
    if not found:
        raise Refused(f"Nothing of that is in {calendar.label(before)} or in {calendar.label(after)}.")
    basis = found[0].basis
    first, last = loaded(basis, before, after)
    notes += [f"{basis.metric.label} is what is explained; the others one by one."] if len(plan.metrics) > 1 else []
    return [Account(moved, plan, (before, after), (first, last), view) for moved in found], notes


def _written(accounts: Sequence[Account], notes: Sequence[str]) -> Report:
    several = len(accounts) > 1
    one, unit = accounts[0], None if several else accounts[0].unit
    hidden = any(account.hides for account in accounts)
    columns = (
        *([dimension("currency")] if several else []),
        dimension(STEP), metric("amount", unit), metric("share_of_gross" if hidden else "share_of_change", "percent"),
        dimension("main_driver"), metric("driver_amount", unit), dimension("owner"),
        metric("increases", unit), metric("decreases", unit), dimension("further_drivers"),
        *([dimension("main_cause")] if one.view != "cause" else []),
        *([dimension(one.moved.basis.below.name)] if one.moved.basis.below else []),
        *(metric(end.label.lower().replace(" ", "_"), end.unit) for end in one.moved.ends),
    )  # fmt: skip
    named = [(account.moved.currency or account.unit, account) for account in accounts]
    rows = [(name, *row) if several else row for name, account in named for row in account.rows(hidden)]
    label = one.moved.label
    return Report(
        columns,
        tuple(rows),
        tuple(said for account in accounts for said in account.sentences(several, account is one)),
        (*notes, *dict.fromkeys(note for account in accounts for note in account.notes())),
        extra={"bridges": [account.whole() for account in accounts]},
        chart=draw(columns, rows, one.plan, True, label[:1].upper() + label[1:]),
    )


def _usage_or_prices(account: Account) -> str:
    """The kinds in one sentence, the larger of usage and prices first."""
    moves = {move.name: move for move in account.moves if account.shown(move.amount)}
    both = sorted((moves.pop(n) for n in ("usage", "prices") if n in moves), key=lambda move: -abs(move.amount))
    beside = [f"{name} {account.signed(move.amount)}" for name, move in moves.items()]
    rest = f" Beside both: {listed(beside)}." if beside else ""
    if not both:
        return f"Neither usage nor prices can be told apart here.{rest}"
    first = f"{both[0].name[:1].upper()}{both[0].name[1:]}"
    if len(both) == 1:
        other = "prices" if both[0].name == "usage" else "usage"
        return f"{first}, not {other}: {account.signed(both[0].amount)}.{rest}"
    told = [f"{move.name} {account.signed(move.amount)}" for move in both]
    return f"{first} more than {both[1].name}: {listed(told)}.{rest}"


def _owners(account: Account) -> list[str]:
    """Who holds most of the change, largest first."""
    level = account.moved.basis.grain.owner
    assert level is not None
    moves = [move for move in account.moves if account.shown(move.amount)]
    if not moves:
        return [account.change(False)]
    named = [f"{move.name} {account.signed(move.amount)}" for move in moves[:MOST_OWNERS]]
    more = f" and {len(moves) - MOST_OWNERS} more" if len(moves) > MOST_OWNERS else ""
    first = f"By {level.label}: {listed(named) if not more else ', '.join(named)}{more}."
    nobody = next((move for move in moves if move.name == f"no {level.label}"), None)
    rest = [f"{account.signed(nobody.amount)} of it is nobody's: charges without {level.label}."] if nobody else []
    return [first, account.change(False), *rest]


def _people(books: Books, accounts: Sequence[Account]) -> list[str]:
    """The people that `users` names for the teams that are told."""
    if "users" not in books.access.tables:
        return []
    teams = [move.name for account in accounts for move in account.moves[:MOST_OWNERS]]
    wanted = ", ".join(text(team) for team in dict.fromkeys(teams))
    rows = books.rows(f'SELECT team, "user" FROM users WHERE team IN ({wanted}) ORDER BY ALL') if wanted else ()
    by_team: dict[str, list[str]] = {}
    for team, user in rows:
        by_team.setdefault(str(team), []).append(str(user))
    told = [f"{team}: {listed(users)}" for team, users in by_team.items()]
    return [f"In `users` there are, of {'; '.join(told)}."] if told else ["`users` names nobody of these teams."]
