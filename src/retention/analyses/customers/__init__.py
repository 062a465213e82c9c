"""Know the customers and tell them apart: value, core, classes, needs, the register, the data."""
