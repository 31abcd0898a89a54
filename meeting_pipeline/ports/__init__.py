"""The interfaces to the outside world, as small protocols.

Adapters implement them and raise only the exceptions of `meeting_pipeline.errors`. Each port has
one suite of contract tests that every adapter passes.
"""
