"""What several suites of whole parts use."""

from tests.support.downloaders import part

__all__ = ["part"]
