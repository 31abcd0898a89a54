"""Values and business rules; they use the standard library only and do no input or output."""
