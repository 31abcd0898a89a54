"""What is wrong with the files and rows of an installation, and how it is mended.

Each module finds one kind of damage, lazily: what it has found is mended before it looks on.
Nothing that the program did not make is removed or changed.
"""
