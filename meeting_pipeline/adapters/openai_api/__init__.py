"""What every server that speaks OpenAI's HTTP API has in common: requests, models and refusals."""
