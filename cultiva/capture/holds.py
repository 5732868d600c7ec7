"""What was sent through forms goes on under the kept lead."""

from django.utils.translation import gettext_lazy as _

from cultiva.lib.holds import Hold, counted, move, stay

HOLDS = [
    Hold("submission", "lead_id", move, says=counted("submission", _("Forms sent"), _("Both leads' together."))),
    Hold("form_upload", "lead_id", move, says=counted("form_upload", _("Files sent"), _("Both leads' together."))),
    Hold("inbound_fact", "lead_id", move),
    Hold(
        "lead_origin",
        "lead_id",
        move,
        says=counted("lead_origin", _("Where the data came from"), _("Both leads' together.")),
    ),
    Hold("import_change", "lead_id", stay, key="lead_id"),
]
