"""Pure decisions: from nodes, agreements, bundles, resources and grants to what should be configured."""
