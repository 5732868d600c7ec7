-- How many leads are cold, warm and hot now; null where there is no score.
SELECT temperature, count(*) AS leads FROM lead_state WHERE workspace_id = %(workspace)s GROUP BY temperature
