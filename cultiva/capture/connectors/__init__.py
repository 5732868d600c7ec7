"""Inbound connectors: other places where people gave their data tell us of them.

A door checks and keeps what comes (`take_delivery`), a job makes leads of it (`taking.take_waiting`). One thing that
was told is one row, known by the sender's own id.
"""
