"""The protocol between the control planes of organisations: invite, join, heartbeat, bundle endpoint."""
