"""One function for each operation of a user.

Commands parse their input, call one of these functions and render its result; a service does the
same. The functions take settings and plain values, print nothing, and return frozen values.
"""
