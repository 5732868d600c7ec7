-- Whether the workspace suppresses anybody, and its exclusion lists.
SELECT EXISTS (SELECT FROM suppression WHERE workspace_id = %(workspace)s) AS has_suppressions,
       coalesce((SELECT jsonb_agg(jsonb_build_object('id', id, 'key', key, 'kind', kind, 'imported_at', imported_at))
                   FROM exclusion_list WHERE workspace_id = %(workspace)s), '[]') AS lists
