-- Empty reasons and evidence of a person's steps (function of privacy.0002: the application cannot change them).
SELECT erase_stage_changes(%(leads)s::bigint[]) AS changes
