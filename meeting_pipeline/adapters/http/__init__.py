"""One way to call a service over HTTP: deadlines, retries, rate limits, one circuit breaker."""
