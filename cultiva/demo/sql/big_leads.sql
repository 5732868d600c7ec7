-- The people as leads; their state follows once the scores are known.
INSERT INTO lead (id, workspace_id, email, email_key, attributes, folded, language, source_kind, created_at, search_text)
SELECT lead_id, %(workspace)s, email, email,
       jsonb_build_object('first_name', first_name, 'last_name', last_name, 'email', email, 'company', company,
         'job_title', job_title, 'employees', employees, 'sector', sector, 'province', province, 'hectares', hectares),
       jsonb_strip_nulls(jsonb_build_object('first_name', first_folded, 'last_name', last_folded,
         'company', company_folded, 'job_title', nullif(job_folded, job_title),
         'sector', nullif(sector_folded, sector), 'province', nullif(province_folded, province))),
       'es', source_kind, created_at, first_folded || ' ' || last_folded || ' ' || company_folded || ' ' || email
  FROM big_person
