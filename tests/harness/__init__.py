"""What the suites share: a raw HTTP client, the gateway as a child process, and the case runner."""
