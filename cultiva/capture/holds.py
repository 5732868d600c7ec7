"""What was sent through forms goes on under the kept lead."""

from django.utils.translation import gettext_lazy as _

from cultiva.lib.holds import Hold, counted, move, stay
from cultiva.lib.persons import WITHOUT, Fate, File, Trace, empty, redact
from cultiva.lib.secrets import decrypt

# What is being read in is left to the import, which refuses whoever was erased.
OF_RUN = (
    "t.run_id IN (SELECT r.id FROM import_run r JOIN import_change c ON c.run_id = r.id"
    " WHERE r.workspace_id = %(workspace)s AND c.workspace_id = %(workspace)s AND c.lead_id = ANY (%(leads)s::bigint[])"
    " AND r.state NOT IN ('running', 'checking', 'undoing'))"
)
SENT = Fate("emptied", empty(fields={}), _("That a form was sent stays, for the totals; not what it said."))
TAKEN = Fate("emptied", empty(payload="", reason=""), _("That it came stays, so that it does not come twice."))


def read_secret(stored: str) -> str:
    return decrypt(stored) if stored else ""


HOLDS = [
    Hold("submission", "lead_id", move, says=counted("submission", _("Forms sent"), _("Both leads' together.")),
         label=_("Forms sent"), erased=SENT, hidden=["token_hash"],
         also="jsonb_build_object('form', (SELECT key FROM form_version v WHERE v.id = t.form_id))"),
    Hold("form_upload", "lead_id", move, says=counted("form_upload", _("Files sent"), _("Both leads' together.")),
         label=_("Files sent"), hidden=["content"], file=File("name", "content")),
    Hold("inbound_fact", "lead_id", move, label=_("Leads that connectors brought"), erased=TAKEN,
         hidden=["payload", "payload_sha256", "fact_key"]),
    Hold("lead_origin", "lead_id", move,
         says=counted("lead_origin", _("Where the data came from"), _("Both leads' together.")),
         label=_("Where the data came from")),
    Hold("import_change", "lead_id", stay, key="lead_id", label=_("What imports changed")),
]  # fmt: skip
TRACES = [
    Trace("inbound_fact", ["payload"], _("Leads that connectors brought"), TAKEN, reads=read_secret,
          hidden=["payload", "payload_sha256", "fact_key"]),
    Trace("inbound", ["sample"], _("Samples of connectors"), Fate("emptied", empty(sample=""), WITHOUT),
          reads=read_secret, hidden=["sample", "secret", "token", "mapping"]),
    Trace("held_submission", ["posted", "facts"], _("Forms held back"), hidden=["token"]),
    Trace("import_reject", ["cells"], _("Rows that an import refused")),
    Trace("import_part", ["content"], _("Files that imports brought"), is_binary=True, or_else=OF_RUN,
          hidden=["content"]),
    Trace("import_run", ["plan"], _("Samples of imports"), Fate("emptied", redact("plan"), WITHOUT),
          hidden=["dialect", "rehearsal", "counts", "lanes"]),
]  # fmt: skip
