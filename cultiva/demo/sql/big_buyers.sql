-- Who bought: their conversions are counted by the product's own statement.
SELECT lead_id FROM big_person WHERE buys ORDER BY lead_id
