"""The record of what crossed between organisations: Envoy's log lines become audit events here."""
