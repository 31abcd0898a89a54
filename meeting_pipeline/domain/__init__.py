"""Values and rules of the business; standard library only, no input or output."""
