-- Leases of the live generation keep their epochs: who held a partition holds it still, and nobody else writes.
update chat_next.positions n
set epoch = coalesce((select o.epoch from chat.positions o where o.partition = n.partition and o.log_id = n.log_id), 0)
