"""Inbound connectors: what other places tell of people who gave their data there."""
