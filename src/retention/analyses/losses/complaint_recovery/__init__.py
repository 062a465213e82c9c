"""What becomes of customers with a problem, and of their cases; `answer` puts it together."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
