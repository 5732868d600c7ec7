-- The marks that the evidences amount to.
INSERT INTO consent_mark (workspace_id, lead_id, valid_since, confirmed_since, profiled_since, objected_at)
SELECT %(workspace)s, lead_id, created_at, confirmed_at, created_at, NULL
  FROM big_person WHERE is_valid
