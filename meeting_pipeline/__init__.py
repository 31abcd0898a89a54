"""Turn a company's Tencent Meeting cloud recordings into rows that people can use."""

__version__ = "0.1.0"
