"""Pure translation: from what should be configured to Envoy's resources as bytes."""
