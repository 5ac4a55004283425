"""One frozen Config, read once. The only reader of the environment; knows no other module's names."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


class Config(BaseSettings):
    """Settings, each from `ASKCOST_<NAME>`; the command line overrides `warehouse`."""

    model_config = SettingsConfigDict(env_prefix="ASKCOST_", frozen=True, extra="ignore")

    warehouse: Path = Field(Path("warehouse/askcost.duckdb"), description="The DuckDB file that is asked.")
    schemas: Path = Field(ROOT / "schemas", description="The semantic model, table contracts, vocabulary.")
    ledger: Path | None = Field(None, description="Answers and token spend; default beside the warehouse.")
    reporting_currency: str | None = Field(None, description="Total in this currency when fx_rates allow it.")
    query_seconds: float = Field(30.0, description="A statement is stopped after this many seconds.")
    query_memory_mb: int = Field(2048, description="Memory one statement may use.")

    @property
    def ledger_path(self) -> Path:
        return self.ledger or self.warehouse.with_suffix(".ledger.sqlite")
