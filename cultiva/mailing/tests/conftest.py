from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from cultiva.accounts.models import Workspace
from cultiva.lib.config import SmtpServer
from cultiva.mailing.tests.cast import Sink, committed_company, furnish, mail_server


@pytest.fixture
def huerta_mails(huerta: Workspace, at: datetime) -> Workspace:
    """Huerta with its policy, a purpose and a newsletter, in the test's own transaction."""
    return furnish(huerta, at)


@pytest.fixture
def company(django_db_setup: None, django_db_blocker: Any, at: datetime) -> Iterator[Workspace]:
    """The same, committed."""
    with django_db_blocker.unblock(), committed_company(at) as workspace:
        yield workspace


@pytest.fixture
def sink(settings: Any) -> Iterator[Sink]:
    """A mail server that the product sends through."""
    found = Sink()
    with mail_server(found) as port:
        settings.SMTP = SmtpServer(host="127.0.0.1", port=port, user="", password="", security="plain")
        settings.MAIL_CARRIER = "smtp"
        yield found
