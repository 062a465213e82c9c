"""Where queries run: tables of one company, checked and as known at the cutoff."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
