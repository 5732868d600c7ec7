"""Whether invented visitors come in."""

from django.db import models

from cultiva.accounts.models import WorkspaceRow


class LiveSource(WorkspaceRow):
    """The switch of one workspace; no row: off."""

    id = models.BigAutoField(primary_key=True)
    is_on = models.BooleanField()

    class Meta:
        db_table = "live_source"
        constraints = [models.UniqueConstraint(fields=["workspace"], name="one_live_source")]
