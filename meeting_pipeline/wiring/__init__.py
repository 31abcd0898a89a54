"""The composition root: settings become objects, and nothing else happens here."""
