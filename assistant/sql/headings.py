"""The columns of an answer: their names, kinds and units, as one plan gives them; contract.md §3 "Shape".

Knows no SQL: the compiler writes its columns under these names.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from assistant.semantics.catalog import Catalog
from assistant.semantics.model import Dataset, Metric, SemanticModel
from assistant.values import AnswerColumn, QueryPlan, Threshold

CURRENCY = "currency"


class Headings:
    """What stands above each column of the plan's answer."""

    def __init__(self, plan: QueryPlan, model: SemanticModel, catalog: Catalog) -> None:
        self.plan = plan
        self.model = model
        self.catalog = catalog
        self.dataset: Dataset = model.datasets[plan.dataset]
        self.metrics: tuple[Metric, ...] = tuple(model.metric(name) for name in plan.metrics)

    @property
    def converted(self) -> bool:
        """Whether amounts are turned into one currency."""
        return self.plan.currency is not None and self.dataset.currency is not None

    @cached_property
    def by_currency(self) -> bool:
        """Whether each currency has rows of its own, because nobody said how to add them up."""
        return (
            self.dataset.currency is not None
            and not self.converted
            and len(self.catalog.currencies) > 1
            and any(m.unit == "currency" for m in self.metrics)
            and CURRENCY not in self.plan.dimensions
        )

    def columns(self) -> list[AnswerColumn]:
        if self.plan.count_groups:
            return [AnswerColumn(self.counted, "metric", "count")]
        return self.of_groups

    @cached_property
    def of_groups(self) -> list[AnswerColumn]:
        """The columns of a row for each group, also where only the groups are counted in the end."""
        columns = [AnswerColumn(self.plan.grain.value, "time")] if self.plan.grain else []
        columns += [AnswerColumn(name, "dimension") for name in self.plan.dimensions]
        if self.by_currency:
            columns.append(AnswerColumn(CURRENCY, "dimension"))
        for metric in self.metrics:
            columns += self._of_metric(metric)
        return columns

    @property
    def ranked_by(self) -> str:
        """The column that rows are put in order by."""
        return self.plan.order.by if self.plan.order else next(c.name for c in self.of_groups if c.kind == "metric")

    @property
    def counted(self) -> str:
        return f"number_of_{'_'.join(self.plan.dimensions)}"

    def compared(self, metric: Metric) -> tuple[str, str, str, str]:
        """Now, before, the change and its per cent."""
        prefix = self._prefix(metric)
        return f"{prefix}current", f"{prefix}previous", f"{prefix}change", f"{prefix}change_percent"

    def share(self, metric: Metric) -> str:
        return "share" if len(self.metrics) == 1 else f"{metric.column}_share"

    def average(self, metric: Metric) -> str:
        assert self.plan.average is not None
        return f"average_{metric.column}_per_{self.plan.average.value}"

    def cumulative(self, metric: Metric) -> str:
        return f"cumulative_{metric.column}"

    def threshold(self, threshold: Threshold) -> str:
        """The column that a condition on groups is about."""
        metric = self.model.metric(threshold.metric)
        if threshold.of == "share":
            return self.share(metric)
        if threshold.of in ("change", "change_percent"):
            return self._prefix(metric) + threshold.of
        if self.plan.comparison or self.plan.series_change:
            return f"{self._prefix(metric)}current"
        return self.average(metric) if self.plan.average else metric.column

    def _prefix(self, metric: Metric) -> str:
        return f"{metric.column}_" if len(self.metrics) > 1 else ""

    def _unit(self, metric: Metric) -> str | None:
        if metric.unit != "currency":
            return metric.unit
        if self.converted:
            return self.plan.currency
        if self.by_currency or CURRENCY in self.plan.dimensions:
            return None
        return self.catalog.currencies[0] if self.catalog.currencies else None

    def _of_metric(self, metric: Metric) -> list[AnswerColumn]:
        unit = self._unit(metric)
        if self.plan.comparison or self.plan.series_change:
            units: Sequence[str | None] = (unit, unit, unit, "percent")
            return [AnswerColumn(n, "metric", u) for n, u in zip(self.compared(metric), units, strict=True)]
        if self.plan.average:
            return [AnswerColumn(self.average(metric), "metric", unit)]
        if self.plan.cumulative:
            return [AnswerColumn(self.cumulative(metric), "metric", unit)]
        columns = [AnswerColumn(metric.column, "metric", unit)]
        if self.plan.share and metric.additive | metric.counted:
            columns.append(AnswerColumn(self.share(metric), "metric", "percent"))
        return columns
