"""Calls over HTTP: deadlines, retries, rate limits, and one circuit breaker per service."""
