# The door of this folder: what is imported from here is public, one name a line.
from .phrases import Phrases as Phrases
from .phrases import foreign_words as foreign_words
from .phrases import phrases_in as phrases_in
from .phrases import shape as shape
