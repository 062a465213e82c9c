"""What a table must look like: the inputs, one row a customer, one row a customer and period."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
