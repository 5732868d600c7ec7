"""Campaigns: what is spent on winning leads, and what comes of it."""
