"""What the resolving of one draft is about: the draft, the words, the day, the conversation. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from assistant.errors import Clarify
from assistant.planning.draft import Draft
from assistant.semantics.catalog import Catalog
from assistant.semantics.lexicon import Lexicon
from assistant.semantics.model import Dataset, SemanticModel
from assistant.semantics.vocabulary import Analysis
from assistant.values import Grain, QueryPlan

COST = "effective_cost"
TOP = 10


class Lacks(Clarify):
    """This dataset lacks a name; another may have it."""


@dataclass
class Notes:
    """What was assumed on the way, and how much doubt that leaves."""

    assumptions: list[str] = field(default_factory=list)
    doubt: float = 0.0

    def assume(self, text: str, doubt: float = 0.02) -> None:
        if text not in self.assumptions:
            self.assumptions.append(text)
            self.doubt += doubt


@dataclass
class Scope:
    """`edits`: the message changes the conversation's last plan. `current`: the dataset being tried."""

    draft: Draft
    lexicon: Lexicon
    today: date
    previous: QueryPlan | None
    reporting: str | None
    notes: Notes = field(default_factory=Notes)
    count_groups: bool = False

    def __post_init__(self) -> None:
        self.current: Dataset = self.model.datasets["cost_and_usage"]

    @property
    def model(self) -> SemanticModel:
        return self.lexicon.model

    @property
    def catalog(self) -> Catalog:
        return self.lexicon.catalog

    @property
    def analysis(self) -> Analysis | None:
        """What the message asks for beside a number; a follow-up keeps the conversation's while it still fits."""
        base = self.previous.analysis if self.previous is not None and self.edits else None
        return self.lexicon.vocabulary.analyses.get(self.draft.analysis or base or "")

    @property
    def averaged(self) -> Grain | None:
        return self.draft.average_grain if self.draft.average else None

    @property
    def edits(self) -> bool:
        """A message of pieces edits the last plan; one with its own metric and period is a new question."""
        draft = self.draft
        own = bool(draft.metrics or draft.counted or draft.units)
        if self.previous is None or (own and draft.times and not draft.same):
            return False
        if draft.analysis and draft.times and not (draft.followup or draft.refers or draft.same):
            return False  # "forecast for this quarter" is a question of its own; "why?" is about what was shown
        if draft.followup or draft.refers or draft.same:
            return True
        return not own and not (draft.times and (draft.dimensions or draft.values))
