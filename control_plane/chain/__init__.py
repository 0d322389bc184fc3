"""The audit as a log whose past cannot change unnoticed: records, hash chain, Merkle tree, heads (pure)."""
