"""What an action did to a lead is history: it stays with the record that it was done to."""

from cultiva.lib.holds import Hold, stay

HOLDS = [Hold("bulk_lead", "lead_id", stay, key="lead_id")]
