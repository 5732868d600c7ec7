"""What a role may do to many leads at once. Each is given on its own: who changes leads may not carry them off."""

from cultiva.accounts.models import Role

CHANGE_LEADS = frozenset({Role.OWNER, Role.MARKETING, Role.SALES})
STEER_MARKETING = frozenset({Role.OWNER, Role.MARKETING})  # segments, workflows
EXPORT_LEADS = frozenset({Role.OWNER, Role.MARKETING, Role.PRIVACY})
