"""A simulated service company: one small generator a table, over shared latent traits."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
