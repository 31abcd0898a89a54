"""Settings: read once, checked, and explained."""
