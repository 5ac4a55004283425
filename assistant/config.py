"""One frozen Config, read once. The only reader of the environment; knows no other module's names."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


class Config(BaseSettings):
    """Settings, each from `ASKCOST_<NAME>`; the command line overrides `warehouse`."""

    model_config = SettingsConfigDict(env_prefix="ASKCOST_", frozen=True, extra="ignore")

    warehouse: Path = Field(Path("warehouse/askcost.duckdb"), description="The DuckDB file that is asked.")
    schemas: Path = Field(ROOT / "schemas", description="The semantic model, table contracts, vocabulary.")
    ledger: Path | None = Field(None, description="Answers and token spend; default beside the warehouse.")
    ledger_url: SecretStr | None = Field(None, description="The ledger in PostgreSQL: postgresql://user@host/name.")
    audit_days: int | None = Field(None, ge=1, description="Answers older than this are removed; kept when absent.")
    audit_rows: int = Field(200, ge=0, le=10_000, description="Rows kept of an answer; its digest is of all.")
    verified_days: int = Field(365, ge=1, description="Saved queries are verified this long; then they are renewed.")
    reporting_currency: str | None = Field(None, description="Total in this currency when fx_rates allow it.")
    engine: Literal["duckdb", "spark"] = Field("duckdb", description="What runs the statements (docs/engines.md).")
    spark_url: SecretStr | None = Field(None, description="Spark's Connect server: sc://host:port.")
    spark_tables: str | None = Field(
        None, description="Where `askcost publish` wrote, as the cluster sees it; default beside the warehouse."
    )
    query_seconds: float = Field(30.0, description="A statement is stopped after this many seconds.")
    query_memory_mb: int = Field(2048, description="Memory one statement may use.")
    load_memory_mb: int = Field(3072, gt=0, description="Memory a load may use; what needs more goes over the disk.")
    result_cache_mb: int = Field(64, ge=0, description="Results kept for who asks the same again; 0 keeps none.")
    ask_above_rows: int = Field(
        2_000_000_000, gt=0, description="What would read more rows is not run before the user has confirmed it."
    )
    ask_above_gb: float = Field(100.0, gt=0, description="The same for gigabytes.")

    token_per_minute: int = Field(60, gt=0, description="What one token of the HTTP API or MCP may ask in a minute.")

    llm_base_url: str | None = Field(None, description="An OpenAI-compatible endpoint; OpenAI's own when absent.")
    llm_api_key: SecretStr | None = Field(None, description="Its key; a local endpoint may need none.")
    llm_api_version: str | None = Field(None, description="Azure OpenAI's api-version; models name deployments.")
    llm_model: str | None = Field(None, description="The model that reads what the local planner can't.")
    llm_fallback_model: str | None = Field(None, description="Asked when that model fails.")
    llm_narration_model: str | None = Field(None, description="Writes the narrative; by template when absent.")
    llm_timeout_seconds: float = Field(20.0, description="A call is given up after this many seconds.")
    llm_output_tokens: int = Field(2_000, description="The most tokens one reply may have, reasoning included.")
    llm_answer_tokens: int = Field(10_000, description="The most tokens one answer may take.")
    llm_ask_above_tokens: int = Field(5_000, description="A dearer next call is quoted first, and asked about.")
    llm_user_day_tokens: int | None = Field(200_000, description="A user's tokens in a day.")
    llm_user_day_usd: Decimal | None = Field(None, description="A user's money for models in a day.")
    llm_user_month_tokens: int | None = Field(None, description="A user's tokens in a month.")
    llm_user_month_usd: Decimal | None = Field(None, description="A user's money for models in a month.")
    llm_team_month_tokens: int | None = Field(None, description="A team's tokens in a month.")
    llm_team_month_usd: Decimal | None = Field(None, description="A team's money for models in a month.")
    llm_month_tokens: int | None = Field(None, description="Everybody's tokens in a month.")
    llm_month_usd: Decimal | None = Field(None, description="Everybody's money for models in a month.")

    slack_bot_token: SecretStr | None = Field(None, description="Slack: the bot's token, xoxb-…")
    slack_app_token: SecretStr | None = Field(None, description="Slack: the app's token, xapp-…, for Socket Mode.")
    slack_signing_secret: SecretStr | None = Field(None, description="Slack: signs what arrives in HTTP mode.")
    slack_base_url: str = Field("https://slack.com/api/", description="Slack: where its Web API is.")
    slack_web_url: str | None = Field(None, description="The web chat's address, for links to more; none when absent.")
    slack_shared_channels: tuple[str, ...] = Field(
        (), description="Ids (JSON list) of channels shared with other companies where answers may appear."
    )
    slack_public_channels: bool = Field(
        True, description="Answer in public channels too, which people who are no members of them can read."
    )

    alerts_zone: str = Field("UTC", description="Alerts: the time zone of schedules that name none, Europe/Berlin.")
    alerts_slack: dict[str, SecretStr] = Field(
        {}, description="Alerts: Slack channels (JSON), each with its incoming webhook or its id: {“#finance”: “C0…”}."
    )
    alerts_from: str | None = Field(None, description="Alerts: the address that e-mail comes from.")
    alerts_mail_domains: tuple[str, ...] = Field(
        (), description="Alerts: domains (JSON list) that e-mail may go to; that of the sender when empty."
    )
    smtp_url: SecretStr | None = Field(
        None, description="Alerts: the mail server, smtp://user:password@host:587 (STARTTLS) or smtps://host:465."
    )
    alerts_webhook_hosts: tuple[str, ...] = Field(
        (), description="Alerts: hosts (JSON list), with :port unless 443, that webhooks may go to; none when empty."
    )
    alerts_webhook_secret: SecretStr | None = Field(None, description="Alerts: signs what is sent to webhooks.")
    alerts_retry_seconds: float = Field(2.0, description="Alerts: the pause before a second try; later ones double it.")

    @property
    def has_llm(self) -> bool:
        return bool(self.llm_model and (self.llm_base_url or self.llm_api_key))

    @property
    def published(self) -> str:
        return self.spark_tables or str(self.warehouse.with_suffix(".published").absolute())

    @property
    def ledger_path(self) -> Path:
        return self.ledger or self.warehouse.with_suffix(".ledger.sqlite")

    @property
    def results_path(self) -> Path:
        """Where results are kept: beside the ledger."""
        return self.ledger_path.with_name(f"{self.warehouse.stem}.results.sqlite")
