"""The dashboard: pages that the server makes of what the API answers, for people with a browser."""
