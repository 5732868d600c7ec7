-- Whom rows of `staged_key` are about among those that earlier rows of a rehearsal would have made or changed.
SELECT r.id, r.email_key, r.external_id, r.phone_key, true AS is_touched FROM rehearsed_lead r WHERE r.id IN (
  SELECT r.id FROM staged_key s JOIN rehearsed_lead r ON r.email_key = s.email_key
  UNION
  SELECT r.id FROM staged_key s JOIN rehearsed_lead r ON r.external_id = s.external_id
  UNION
  SELECT r.id FROM staged_key s JOIN rehearsed_lead r ON r.phone_key = s.phone_key
   WHERE s.email_key IS NULL AND s.external_id IS NULL AND r.email_key IS NULL AND r.external_id IS NULL)
 ORDER BY r.id
