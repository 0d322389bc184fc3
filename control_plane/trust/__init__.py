"""Our own certificate authority, and the enrolment of our gateways."""
