"""What bench/night.py is made of."""
