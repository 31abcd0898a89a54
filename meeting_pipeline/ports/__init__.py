"""What the pipeline needs from outside, as small protocols.

Adapters implement them and raise only `meeting_pipeline.errors`; each port has one suite of
contract tests that every adapter behind it passes.
"""
