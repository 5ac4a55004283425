"""Alerts and digests: rules in plain words, fired once, sent to Slack, e-mail or a webhook."""
