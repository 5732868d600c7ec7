-- The number of the first arm that holds for each enrolment; the number of arms where none does.
-- `nurture.engine` fills the CASE, one WHEN an arm.
SELECT trip.id, CASE WHEN false THEN 0 END AS arm
  FROM enrolment trip
  JOIN lead l ON l.workspace_id = trip.workspace_id AND l.id = trip.lead_id
 WHERE trip.workspace_id = %(workspace)s AND trip.id = ANY (%(enrolments)s)
 ORDER BY trip.id
