"""Discovery: what sources say of nodes, from the network to checked sightings."""
